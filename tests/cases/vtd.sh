# shellcheck shell=sh
# VT-d units of all sorts: 3 and 4 levels of tables, invalidated by queue or by registers, with a
# write buffer, in caching mode. QEMU's trace says what the unit was told.
. tests/lib.sh
unit() { # unit NAME VTD-OPTIONS QEMU-PROPERTIES: the DMA contract under such a unit
	trace=$OUT/$1.trace
	rm -f "$trace"
	# shellcheck disable=SC2046
	IOMMU=none boot "$1" "$2"' script="edu test; vmctl create b; vmctl assign b 00:05.0; lspci"' \
		-device "intel-iommu,$3" $(root_disk) -device edu,addr=5,dma_mask=0xffffffff -D "$trace" \
		-trace vtd_iotlb_cc_update -trace vtd_inv_qi_enable -trace vtd_reg_write_gcmd -trace vtd_inv_desc_iotlb_pages
	check "$1: the contract holds" test "$(grep -c '^ok' "$log")" = 12
	reject "$1: nothing broken" "^not ok|panic"
}
# The address width in the context entries that QEMU read: 1 for 3 levels, 2 for 4 (9.3).
widths() {
	awk '$1 == "vtd_iotlb_cc_update" { for (i = 1; i < NF; i++) if ($i == "high") print substr($(i + 1), length($(i + 1))) }' "$trace" | sort -u
}
unit vtd-39 '' intremap=on,aw-bits=39
check "a unit of 39 bits: 3 levels" test "$(widths)" = 1
unit vtd-48 '' intremap=on,aw-bits=48
check "a unit of 48 bits: 3 levels are enough" test "$(widths)" = 1
check "invalidated by the queue" grep -q vtd_inv_desc_iotlb_pages "$trace"
unit vtd-4level vtd=4level intremap=on,aw-bits=48
check "4 levels if asked for" test "$(widths)" = 2
expect "and a device is assigned all the same" "^1..12" "^00:05.0 .* b$"
unit vtd-39only vtd=4level intremap=on,aw-bits=39
check "4 levels asked for, but the unit has 3" test "$(widths)" = 1
unit vtd-caching '' intremap=on,aw-bits=39,caching-mode=on
check "caching mode: what is mapped is invalidated too" test \
	"$(grep -c vtd_inv_desc_iotlb_pages "$trace")" -gt $((3 * $(grep -c vtd_inv_desc_iotlb_pages "$OUT/vtd-39.trace") / 2))
unit vtd-registers vtd=registers,4level intremap=on,aw-bits=48
expect "without a queue: by registers, and interrupts are not remapped" "invalidated by registers" "interrupts direct"
check "the queue is never on, and as much is invalidated" test "$(grep -c vtd_inv_qi_enable "$trace")" = 0 -a \
	"$(grep -c vtd_inv_desc_iotlb_pages "$trace")" -gt 500
expect "so assignment is refused" "vmctl: 00:05.0: the IOMMU does not remap interrupts"
unit vtd-buffer vtd=writebuffer intremap=on,aw-bits=39
check "a write buffer: every map invalidates, which flushes it" test \
	"$(grep -c vtd_inv_desc_iotlb_pages "$trace")" -gt $((3 * $(grep -c vtd_inv_desc_iotlb_pages "$OUT/vtd-39.trace") / 2))
finish
