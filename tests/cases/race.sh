# shellcheck shell=sh
# Deny, while the guest maps and unmaps without end on another CPU: when deny returns nothing is
# mapped or pinned, each time; released, and killed, meanwhile, it leaves nothing behind.
. tests/lib.sh
for i in vtd amdvi; do
	IOMMU=$i CPUS=2
	# shellcheck disable=SC2046
	boot "race-$i" 'script="sh /tests/race.sh"' $(root_disk) -device edu,addr=5
	ended "$i: the host ends well"
	# After each denial, the device's line in the statistics: ... MAPS UNMAPS SYNCS FAULTS PINNED
	check "$i: after each of 100 denials nothing is pinned" awk '
		$1 == "00:05.0" && NF == 7 { n++; bad += $7 != 0 } END { exit !(n == 100 && !bad) }' "$log"
	check "$i: nor is anything mapped" test "$(grep -c '^00:05.0 .* rw ' "$log")" = 0
	check "$i: in between, it has mapped" awk '$1 == "00:05.0" && NF == 7 { n += $3 > was; was = $3 } END { exit n < 10 }' "$log"
	expect "$i: no frame belongs to a VM" "^VM +0$"
done
finish
