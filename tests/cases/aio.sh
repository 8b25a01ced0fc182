# shellcheck shell=sh
# Asynchronous I/O: on the root disk, and on one of zeroes that does 400 requests a second, so that all that can
# happen to who has it under way does: exit, exec, kill, fork, and memory given back.
. tests/lib.sh
slow="-drive if=none,id=slow,driver=null-co,size=64M,read-zeroes=on,throttling.iops-total=400 -device nvme,drive=slow,serial=slow,addr=4"
for mode in direct iommu; do
	for CPUS in 1 2; do
		# shellcheck disable=SC2046,SC2086
		boot "aio-$mode-$CPUS" "mode=$mode"' script="usertests aio aioerrors aioend aiofork"' $(root_disk) $slow
		check "$mode, $CPUS CPUs: no check fails, nothing leaks" test "$(grep -c '^not ok' "$log")" = 0
		check "$mode, $CPUS CPUs: all are there" test "$(grep -c '^ok' "$log")" = 28
		reject "$mode, $CPUS CPUs: no fault" "iommu: fault"
		ended "$mode, $CPUS CPUs: and it ends"
	done
done
# What the disk says comes back with the request; and the queue goes on.
bad="-drive if=none,id=bad,driver=blkdebug,image.driver=null-co,image.size=64M,inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.errno=5 -device nvme,drive=bad,serial=bad,addr=4"
# shellcheck disable=SC2046,SC2086
boot aio-error 'script="dmabench io 00:04.0=nvme1; dmabench io 00:04.0=nvme1 -w write -n 100"' $(root_disk) $bad
expect "an error of the disk is the request's" "a request failed: input/output error" "^io.*write.*100"
finish
