# shellcheck shell=sh
# What programs may ask of the kernel: the quick set of usertests, with 1, 2 and 4 CPUs.
. tests/lib.sh
for CPUS in 1 2 4; do
	# shellcheck disable=SC2046
	boot "usertests-$CPUS" 'script="usertests"' $(root_disk)
	check "$CPUS CPUs: no check fails, nothing leaks" test "$(grep -c '^not ok' "$log")" = 0
	check "$CPUS CPUs: all are there" test "$(grep -c '^ok' "$log")" -ge 188
	ended "$CPUS CPUs: and it ends"
done
finish
