# shellcheck shell=sh
# Addressing limits: masks, segments, boundaries and alignment, under every strategy, with and
# without an IOMMU. The test build's selftest makes the buffers.
. tests/lib.sh
log=$OUT/limits-build.log
make -s DEBUG=1 B="$OUT/limits" all >"$log" 2>&1
B=$OUT/limits
for IOMMU in vtd amdvi none; do
	slot=5
	# shellcheck disable=SC2046
	boot "limits-$IOMMU" 'selftest=limits script="exit 0"' $(root_disk) -device edu,addr=$slot
	ended "$IOMMU: it ends"
	[ "$IOMMU" = none ] && all="bounce" || all="strict deferred persistent optimistic ondemand bounce static batched"
	for s in $all; do
		expect "$IOMMU, $s: 500 buffers keep the limits" "limits: $s: 500 buffers, [a-z]+ bounced: good"
	done
	[ "$IOMMU" = none ] && continue
	expect "$IOMMU: some had to be bounced" "some bounced"
	# shellcheck disable=SC2046
	MEM=128 boot "limits-$IOMMU-gpa" 'selftest=limits iova=gpa script="exit 0"' $(root_disk) -device edu,addr=$slot
	expect "$IOMMU, identity: 500 buffers keep the limits" "limits: identity: 500 buffers, [a-z]+ bounced: good"
	ended "$IOMMU, identity: it ends"
	unset MEM # a function keeps what stands before it
done
for IOMMU in vtd amdvi; do
	# shellcheck disable=SC2046
	boot "limits-$IOMMU-switch" 'selftest=switch dma_check=0 script="vmctl create a -m 16; vmctl assign a 00:05.0"' $(root_disk) -device edu,addr=5
	for what in bounced batch-forgets batch-error; do
		expect "$IOMMU: strategies and maps where they meet: $what" "switch: $what: good"
	done
	expect "$IOMMU: a device is not taken from a benchmark" "vmctl: 00:05.0: the host uses it"
done
finish
