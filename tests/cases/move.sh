# shellcheck shell=sh
# Guest memory comes when it is touched, and moves while guest and device work.
. tests/lib.sh
disk=$OUT/move.img
random_disk "$disk" 8
want=$(sha "$disk")
for i in vtd amdvi; do
	# shellcheck disable=SC2046
	IOMMU=$i CPUS=2 boot "move-$i" 'script="sh /tests/move.sh"' $(root_disk) $(disk "$disk" 4)
	ended "$i: the host ends well"
	expect "$i: all of a VM's pages move, or one" "^== before" "^0x[0-9a-f]+" "^[0-9]+ moved, 0 pinned" "^0x[0-9a-f]+" "^1 moved, 0 pinned" "^0x[0-9a-f]+" "^0 moved, 0 pinned" "12x: not an address"
	check "$i: each time it is another frame" test "$(grep -E '^0x[0-9a-f]+' "$log" | sort -u | wc -l)" = 3
	check "$i: no byte is wrong under the mover" test "$(grep -c "^[as]| $want" "$log")" = 4
	check "$i: thousands of pages have moved" awk '$1 == "moved" { n = $2 } END { exit !(n >= 3000) }' "$log"
	# The rings of the driver are mapped as long as it lives: the same line in both listings.
	check "$i: pinned pages have stayed" awk '/^== pinned/ { on = 1 } /^== static/ { on = 0 }
		on && /^DEVICE +IOVA/ { list++ } on && /^00:04.0 +[0-9a-f]+ +[0-9a-f]+ +[0-9a-f]+ [r-][w-]/ { hpa[list, $2] = $4; all[$2] }
		END { for (v in all) if ((1, v) in hpa && (2, v) in hpa) { n++; bad += hpa[1, v] != hpa[2, v] } exit !(n >= 2 && !bad) }' "$log"
	expect "$i: with strategy static nothing may move" "^== static" "vm s: its pages stay where they are: all [0-9]+ are pinned" "^0 moved, [0-9]+ pinned"
done
expect "16 VMs of 256 MiB on a host of 512" "^== promised" "^v1 well" "^v8 well" "^v16 well"
check "the host's memory is as before" awk '/^== promised/ { on = 1 } on && $1 == "VM" { n = $2; seen = 1 } END { exit !(seen && n == 0) }' "$log"
finish
