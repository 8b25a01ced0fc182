#!/bin/sh
# Makes the GRUB image: mkiso.sh OUT KERNEL ROOTFS "kernel command line"
# It boots under BIOS and UEFI. With a command line the menu does not wait.
set -eu
out=$1 kernel=$2 root=$3 append=$4
dir=$out.dir
rm -rf "$dir"
mkdir -p "$dir/boot/grub"
strip -g "$kernel" -o "$dir/boot/halcyon.elf" 2>/dev/null || cp "$kernel" "$dir/boot/halcyon.elf"
cp "$root" "$dir/boot/fs.img"
{
	if [ -n "$append" ]; then echo "set timeout=0"; else echo "set timeout=3"; fi
	cat <<EOF
if [ "\$grub_platform" = efi ]; then insmod efi_gop; fi
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
menuentry "Halcyon" {
	multiboot2 /boot/halcyon.elf $append
}
menuentry "Halcyon, root file system from this disc" {
	multiboot2 /boot/halcyon.elf root=module $append
	module2 /boot/fs.img
}
menuentry "Halcyon without an IOMMU (mode=direct)" {
	multiboot2 /boot/halcyon.elf mode=direct $append
}
menuentry "Halcyon, root from this disc, all log messages" {
	multiboot2 /boot/halcyon.elf root=module loglevel=3 $append
	module2 /boot/fs.img
}
EOF
} >"$dir/boot/grub/grub.cfg"
"${GRUB_MKRESCUE:-grub-mkrescue}" -o "$out" "$dir" >"$out.log" 2>&1 || {
	cat "$out.log" >&2
	echo "mkiso: grub-mkrescue failed (needs grub-pc-bin, grub-efi-amd64-bin, xorriso, mtools)" >&2
	exit 1
}
rm -rf "$dir"
