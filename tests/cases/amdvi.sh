# shellcheck shell=sh
# What is AMD-Vi's own: boots, levels of caches, interrupts. QEMU 7.2's model logs no faults, so its
# trace is the witness.
. tests/lib.sh
IOMMU=amdvi
for CPUS in 1 2 4; do
	# shellcheck disable=SC2046
	boot "amdvi-$CPUS" 'script="edu test; cat /proc/iommu"' $(root_disk) -device edu,addr=5,dma_mask=0xffffffff
	expect "$CPUS CPUs: it translates and remaps" "iommu: amdvi, DMA translated, interrupts remapped" \
		"fs: root on nvme0" "^ok 12 " "^hardware amdvi"
	ended "$CPUS CPUs: edu's test passes"
done
CPUS=2
# shellcheck disable=SC2046
boot amdvi-off 'iommu=vtd script="ls /"' $(root_disk)
expect "iommu=vtd leaves it alone" "mode direct" "fs: root on nvme0"
# shellcheck disable=SC2046
IOMMU=none boot amdvi-noremap 'script="vmctl create b; vmctl assign b 00:05.0; vmctl assign b 00:01.0"' $(root_disk) \
	-device amd-iommu,intremap=off -device edu,addr=5
expect "a unit that cannot remap interrupts: DMA is translated, assigning refused" \
	"iommu: amdvi, DMA translated, interrupts direct" "vmctl: 00:05.0: .*does not remap interrupts"
expect "the unit cannot be assigned" "vmctl: 00:01.0: it is the IOMMU itself"

# A guest's device writes where a message would be an interrupt. (QEMU 7.2 asks the IOAPIC's table then,
# not the device's; neither has the entry.)
trace=$OUT/amdvi.trace
rm -f "$trace"
# shellcheck disable=SC2046
boot amdvi-irq 'script="sh /tests/amdvi.sh"' $(root_disk) -device edu,addr=5,dma_mask=0xffffffff \
	-D "$trace" -trace 'amdvi_ir_*' -trace 'amdvi_intr_inval' -trace 'amdvi_translation_result'
expect "a guest's own interrupts arrive" "^b\| 3628800" "^b is done"
ended "and the host goes on"
check "QEMU saw it: all messages are remapped, after the first, before the unit was on" \
	awk '$1 == "amdvi_ir_remap_msi" { n++ } $1 == "amdvi_ir_irte_val" { r++ } END { exit !(n > 10 && r >= n - 1) }' "$trace"
check "QEMU saw it: the message that the device made up is blocked" \
	grep -q "amdvi_ir_target_abort.*RemapEn" "$trace"
finish
