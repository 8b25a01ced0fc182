# shellcheck shell=sh
# Every strategy moves the right bytes: natively and in a guest, on both IOMMUs; also when it is
# changed while the disk is read, and when the command line chooses it.
. tests/lib.sh
random_disk "$OUT/strategy.img" 4
sum=$(sha "$OUT/strategy.img")
all="strict deferred persistent optimistic ondemand bounce static batched"
each=$(for s in $all; do printf 'echo strategy 00:04.0 %s >/dev/dma && echo %s $(sha256sum /dev/nvme1); ' "$s" "$s"; done)
switch=$(for s in $all; do printf 'echo strategy 00:04.0 %s >/dev/dma; ' "$s"; done)
for IOMMU in vtd amdvi; do
	# shellcheck disable=SC2046
	boot "strategy-$IOMMU" "script=\"$each exit 0\"" $(root_disk) $(disk "$OUT/strategy.img" 4)
	ended "$IOMMU: it ends"
	for s in $all; do
		expect "$IOMMU: $s: the bytes are the disk's" "^$s $sum"
	done
	reject "$IOMMU: no fault, no error" 'fault:|dma: 00:04.0|cannot'
	# shellcheck disable=SC2046
	boot "strategy-$IOMMU-change" "script=\"sha256sum /dev/nvme1 >/sum & sha256sum /dev/nvme1 >/sum2 & $switch wait; echo meanwhile; cat /sum /sum2\"" \
		$(root_disk) $(disk "$OUT/strategy.img" 4)
	expect "$IOMMU: changed while two read" "^meanwhile" "^$sum" "^$sum"
	reject "$IOMMU: changed while two read: no fault, no error" 'fault:|dma: 00:04.0|cannot'
	for s in $all; do
		# shellcheck disable=SC2046
		boot "strategy-$IOMMU-$s" "script=\"vmctl create a -m 32 -a strategy=$s -s 'sha256sum /dev/nvme0; cat /proc/dma' && vmctl assign a 00:04.0 && vmctl start a && vmctl wait a; vmctl destroy a; cat /proc/mem\"" \
			$(root_disk) $(disk "$OUT/strategy.img" 4)
		expect "$IOMMU: $s in a guest: the bytes, the strategy, and all memory back" "^a\| $sum" "^a\| 00:04.0 +$s " "^VM +0$"
		reject "$IOMMU: $s in a guest: no fault" 'fault:|a\| .*dma: 00:04.0'
	done
done
finish
