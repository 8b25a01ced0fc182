# shellcheck shell=sh
# GRUB's image under BIOS and UEFI.
. tests/lib.sh
BOOT=iso
boot iso 'root=module script="ls /bin; poweroff 0"' 
expect "BIOS: no disk, so the root is missing, in one line" "multiboot2" "no root file system"
# shellcheck disable=SC2046
boot iso-disk 'script="lspci"' $(root_disk) -vga std
expect "BIOS: root on a disk" "booted by multiboot2" "fs: root on nvme0" "class 010802 nvme"
ended "BIOS: ends"
BOOT=uefi
# shellcheck disable=SC2046
boot uefi-disk 'script="lspci"' $(root_disk)
expect "UEFI: root on a disk whose registers lie above 4 GiB" "booted by multiboot2" "fs: root on nvme0"
ended "UEFI: ends"
finish
