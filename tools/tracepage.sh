#!/bin/sh
# tracepage.sh TRACE.txt QEMU.trace: writes the page that shows one I/O of a VM step by step: the
# template tools/trace.html with the steps, the entries that were in the table before, what QEMU's
# IOMMU said of the device's accesses, and each step's source lines as JSON in it.
set -eu
trace=$1 qemu=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# place KEY FILE PATTERN: the first line there that matches, with those around it.
place() {
	line=$(grep -nE -m1 -- "$3" "$2" | cut -d: -f1)
	[ -n "$line" ] || { echo "tracepage: no line of $2 matches '$3': left out" >&2; return 0; }
	first=$((line > 4 ? line - 4 : 1))
	printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$line" "$first"
	sed -n "$first,$((line + 4))p" "$2" | sed 's/^/\t/'
}

# Where each event is recorded; then where the work is done of which it tells, if that is elsewhere.
{
	sed -nE 's/^\tX\((\w+),.*/\1/p' lib/trace.h | while read -r name; do
		file=$(grep -rlE "\btrace_$name\(" --include='*.[ch]' kernel hal vmm drivers)
		place "$name" "$file" "\btrace_$name\("
	done
	place work:dma_map_sg drivers/nvme.c 'dma_map_sg\(&s->map'
	place work:kvm_exit vmm/svm_entry.S 'vmrun'
	place work:kvm_entry vmm/svm_entry.S 'vmrun'
	place work:kvm_hypercall vmm/hypercall.c 'ret = table\[number\]\.fn'
	place work:page_pin vmm/grant.c 'frame_pin\('
	place work:map hal/iommu.c 'pt_map_pages\('
	place guest:map hal/pv.c 's64 ret = pv_call\($'
	place work:nvme_setup_cmd drivers/nvme.c 'ring\(q, false'
	place work:irq_handler_entry vmm/hypercall.c 'vlapic_post\('
	place guest:irq_handler_entry drivers/nvme.c '^nvme_interrupt'
	place guest:dma_map_done drivers/nvme.c 'set_prps\(s\);'
	place work:dma_unmap_sg hal/strategy/strict.c 'dma_window_unmap\(map, true'
	place guest:unmap hal/pv.c 'pv_call\(HC_unmap'
	place work:unmap hal/iommu.c 'pt_unmap\(&d->pt, iova'
	place work:page_unpin vmm/grant.c 'frame_unpin\('
	case ${IOMMU:-vtd} in
	vtd) place work:iommu_sync hal/vtd/inv.c '^vtd_wait' ;;
	*) place work:iommu_sync hal/amdvi/dma.c '^amdvi_invalidate' ;;
	esac
} >"$tmp/sites"

awk -f tools/tracepage.awk "$tmp/sites" "$qemu" "$trace" >"$tmp/data"
[ -s "$tmp/data" ] || {
	echo "tracepage: $trace has no whole I/O of a VM" >&2
	exit 1
}
awk -v data="$tmp/data" '/TRACE_DATA/ { while ((getline line <data) > 0) print line; next } { print }' tools/trace.html
