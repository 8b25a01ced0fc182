# shellcheck shell=sh
# Guests with 1, 2, 4 and 8 CPUs on hosts with 1, 2 and 4.
. tests/lib.sh
LIMIT=300
all_work() { # all_work NAME N: /proc/cpus of the guest: N CPUs, each of which has run threads
	awk -v vm="$1" '$1 == vm "|" && NF == 5 && $2 ~ /^[0-9]+$/ && $4 > 0 { n++ } END { print n + 0 }' "$log"
}
for CPUS in 1 2 4; do
	rm -f "$OUT/vmsmp.img" && cp "$B/fs.img" "$OUT/vmsmp.img"
	# shellcheck disable=SC2046
	boot "vmsmp-$CPUS" 'script="sh /tests/smp.sh"' $(root_disk) \
		$(disk "$OUT/vmsmp.img" 4) -device edu,addr=5,dma_mask=0xffffffff
	ended "$CPUS CPUs: the host ends well"
	for n in 1 2 4 8; do
		expect "$CPUS CPUs: a guest with $n: it ends" "^n$n\| .*smp: $n CPU" "^n$n ended well"
		check "$CPUS CPUs: a guest with $n: all CPUs work" test "$(all_work "n$n")" = "$n"
		check "$CPUS CPUs: a guest with $n: edu's contract and all of usertests" test "$(grep -cE "^n$n\| ok" "$log")" -ge 190
		check "$CPUS CPUs: a guest with $n: three sums at once, all alike" test "$(grep -E "^n$n\| [0-9a-f]{64}" "$log" | sort | uniq -c | awk '{ print $1 }')" = 3
	done
	expect "$CPUS CPUs: two guests with two, at once" "^== two" "^a ended well" "^b ended well"
	reject "$CPUS CPUs: no check fails" "^[a-z0-9]+\| not ok"
	expect "$CPUS CPUs: one with 8 is killed and destroyed while it runs" "^== destroyed" "^k +ended .*killed" "^k\| .*ok 20"
	check "$CPUS CPUs: the host's memory is as before" awk '/^(FREE|VM|DMA|TABLE|USER|KERNEL) +[0-9]+$/ { if ($1 in was) { n++; if (was[$1] != $2) bad++ } else was[$1] = $2 } END { exit !(n == 6 && !bad) }' "$log"
done
finish
