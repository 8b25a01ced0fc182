# shellcheck shell=sh
# What programs may ask of the kernel: usertests, with 1, 2 and 4 CPUs; no frame is lost.
. tests/lib.sh
for CPUS in 1 2 4; do
	# shellcheck disable=SC2046
	boot "usertests-$CPUS" 'script="usertests >/dev/null; free; usertests; free"' $(root_disk)
	check "$CPUS CPUs: no check fails" test "$(grep -c '^not ok' "$log")" = 0
	check "$CPUS CPUs: all are there" test "$(grep -c '^ok' "$log")" -ge 20
	check "$CPUS CPUs: frames in use are what they were" awk '/^(FREE|USER|KERNEL|HEAP) / { if ($1 in was) { n++; if (was[$1] != $2) bad++ } else was[$1] = $2 } END { exit !(n == 4 && !bad) }' "$log"
done
finish
