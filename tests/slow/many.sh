# shellcheck shell=sh
# 16 VMs at once under DMA load, with their pages moving all the time; and one for longer than a minute.
. tests/lib.sh
LIMIT=3000
disk=$OUT/many.img
random_disk "$disk" 8
want=$(sha "$disk")
devices=
for i in 4 5 6 7; do
	cp "$disk" "$OUT/many$i.img"
	devices="$devices $(disk "$OUT/many$i.img" "$i")"
done
for i in 8 9 a b c d e f 10 11 12 13; do devices="$devices -device edu,addr=0x$i,dma_mask=0xffffffff"; done
for i in vtd amdvi; do
	# shellcheck disable=SC2046,SC2086
	IOMMU=$i CPUS=$([ "$i" = vtd ] && echo 2 || echo 4) MEM=1024 boot "many-$i" 'script="sh /tests/many.sh"' $(root_disk) $devices
	ended "$i: the host ends well"
	check "$i: all 16 end well" test "$(grep -cE '^v[0-9]+ well' "$log")" = 16
	check "$i: 360 sums, all right" test "$(grep -cE "^v[0-9]+\| $want" "$log")" = 360
	check "$i: no check of edu's contract fails" test "$(grep -cE '^v[0-9]+\| not ok' "$log")" = 0
	check "$i: it was checked 1,080 times" test "$(grep -cE '^v[0-9]+\| ok 1 ' "$log")" = 1080
	check "$i: many thousands of pages have moved" awk '$1 == "moved" { n += $2 } END { exit !(n >= 100000) }' "$log"
	check "$i: no page is a VM's any more" awk '$1 == "VM" { n = $2; seen = 1 } END { exit !(seen && n == 0) }' "$log"
done
finish
