# shellcheck shell=sh
# A guest that shares no code with ours but the hypercall ABI: tests/guest/foreign.c.
. tests/lib.sh
for IOMMU in vtd amdvi; do
	export IOMMU
	# shellcheck disable=SC2046
	boot foreign-$IOMMU "script=\"vmctl create f -m 16 -k /tests/foreign -r ''; vmctl assign f 00:05.0; vmctl start f; vmctl wait f && vmctl stats f\"" \
		$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
	ended "$IOMMU: it ends with status 0"
	reject "$IOMMU: no check fails" "^f\| FAILED"
	expect "$IOMMU: all the way through" "^f\| ok the VMM is found" "^f\| ok attach" "^f\| ok map" \
		"^f\| ok DMA from memory and back" "^f\| ok its interrupt" "^f\| ok what is not mapped" \
		"^f\| ok unmap" "^f\| ok what was unmapped" "^f\| ok detach" "^map +5" "^00:05.0 .* 0$"
	[ $IOMMU = amdvi ] || expect "$IOMMU: it is told of the fault" "^f\| ok the fault is told"
	# shellcheck disable=SC2046
	boot foreign-late-$IOMMU "script=\"vmctl create f -m 16 -k /tests/foreign -r '' -a late=300000; vmctl assign f 00:05.0; vmctl start f; vmctl wait f now; vmctl move f 0x300000; vmctl send f go; vmctl wait f && vmctl stats f\"" \
		$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
	ended "$IOMMU: so much unmapped without a sync that room is made: it ends with status 0"
	expect "$IOMMU: what waits for a sync stays pinned" "^f\| now" "^0 moved, 1 pinned" "^f\| ok after the sync" "^00:05.0 .* 0$"
done
# What the queue has no room for is counted: told and lost are all that the host has seen.
IOMMU=vtd
# shellcheck disable=SC2046
boot lost "script=\"vmctl create f -m 16 -k /tests/lost -r ''; vmctl assign f 00:05.0; vmctl start f; vmctl wait f && vmctl stats f\"" \
	$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
check "no fault is forgotten: told and lost are all that there were" awk '$2 == "told" { told++ } $2 == "lost" { lost++ }
	$1 == "00:05.0" && NF == 7 { all = $6 } END { exit !told || !lost || told + lost != all }' "$log"
finish
