# shellcheck shell=sh disable=SC2034,SC2154
# The student's machine: its devices, and the kernel that has all of its drivers. Its disk has a
# size and a content of its own.
. labs/lib.sh
whole=labs/00-tour/whole.elf # in the tree that the labs are cut from, its own
[ -e "$whole" ] || whole=$B/halcyon.elf
KERNEL=$whole
IOMMU=vtd CPUS=1
block=$((16 + $(seed_number block 128)))
nowhere=$(printf 0x%x $((iova_base << 20)))
disk_kib=$((84 + 4 * $(seed_number kib 90)))
traces='pci_nvme_* memory_region_ops_* pci_update_mappings_add'
tour_devices() {
	secret "$OUT/tour.img" "$disk_kib"
	echo "$(root_module) $(disk "$OUT/tour.img" "0x$disk_slot") $(edu "$edu_slot")"
}
