# shellcheck shell=sh
# Guests with 1, 2, 4 and 8 CPUs.
. tests/lib.sh
LIMIT=300
all_work() { # all_work NAME: of /proc/cpus in that guest, how many CPUs have run threads
	awk -v vm="$1" '$1 == vm "|" && NF == 5 && $2 ~ /^[0-9]+$/ && $4 > 0 { n++ } END { print n + 0 }' "$log"
}
cp "$B/fs.img" "$OUT/vmsmp.img"
# shellcheck disable=SC2046
CPUS=2 boot vmsmp 'script="sh /tests/smp.sh"' $(root_disk) $(disk "$OUT/vmsmp.img" 4) -device edu,addr=5,dma_mask=0xffffffff
ended "the host ends well"
for n in 1 2 4 8; do
	expect "a guest with $n: it ends" "^n$n\| .*smp: $n CPU" "^n$n ended well"
	check "a guest with $n: all CPUs work" test "$(all_work "n$n")" = "$n"
	check "a guest with $n: edu's contract and all of usertests" test "$(grep -cE "^n$n\| ok" "$log")" -ge 190
	check "a guest with $n: three sums at once, all alike" test "$(grep -E "^n$n\| [0-9a-f]{64}" "$log" | sort | uniq -c | awk '{ print $1 }')" = 3
done
expect "two guests with two, at once" "^== two" "^a ended well" "^b ended well"
reject "no check fails" "^[a-z0-9]+\| not ok"
expect "one with 8 is killed and destroyed while it runs" "^== destroyed" "^k +ended .*killed" "^k\| .*ok 20"
check "the host's memory is as before" awk '/^[A-Z]+ +[0-9]+$/ { if ($1 in was) { n++; if (was[$1] != $2) bad++ } else was[$1] = $2 } END { exit !(n >= 8 && !bad) }' "$log"
for CPUS in 2 4; do
	# shellcheck disable=SC2046
	boot "vmsmp-$CPUS" 'script="sh /tests/smp-few.sh"' $(root_disk) -device edu,addr=5,dma_mask=0xffffffff
	ended "a host with $CPUS: ends well"
	check "a host with $CPUS: all of the guest's CPUs work" test "$(all_work n4)" = 4
	expect "a host with $CPUS: at the console, typed and shown without prefix" "^== console" "^c. begun" "^go" "^shown as it is" "^c +ended +64 MiB 2 CPUs .*status 0"
	expect "a host with $CPUS: a device is released, and the guest destroyed, while it runs" "^n4\| ok 12" "^n4 ended well" "^k\| begun" "^k +ended .*killed"
done
finish
