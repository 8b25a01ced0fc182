# shellcheck shell=sh
# The host boots to its script, by each door and with 1, 2, 4 and 8 CPUs.
. tests/lib.sh
for CPUS in 1 2 4 8 16; do
	# shellcheck disable=SC2046
	boot "boot-$CPUS" 'script="ls /bin; cat /proc/ps; exit 0"' $(root_disk)
	expect "$CPUS CPUs: direct load" "booted by PVH" "smp: $CPUS CPU" "fs: root on nvme0"
	ended "$CPUS CPUs: ends with the script's status"
done
CPUS=2
boot module 'script="cat /proc/ps | grep init"' -initrd "$B/guest.img"
expect "root from a boot module" "fs: root on module" "init"
boot devices 'script="ls / /dev /proc"' -initrd "$B/guest.img"
expect "devices and the kernel's state are files in directories" "^console" "^iommu"
boot status 'script="exit 7"' -initrd "$B/guest.img"
check "the script's exit status comes out" test "$status" = 7
MEM=64 boot small 'script="free"' -initrd "$B/guest.img"
expect "64 MiB are enough" "FREE"
MEM=6144 boot large 'script="free"' -initrd "$B/guest.img"
expect "memory above 4 GiB is used" "FREE +1[45][0-9]{5}"
boot noroot 'script="free"'
expect "no root: one clear line" "panic: no root file system.*give a disk"
CPU=qemu64 boot oldcpu 'script="vmctl create a; echo alive"' -initrd "$B/guest.img"
expect "a CPU without nested paging: says so, and the rest works" "vmctl: .*(SVM|nested paging)" "^alive"
CPU=Nehalem boot intel 'script="vmctl create a; echo alive"' -initrd "$B/guest.img"
expect "a CPU without SVM: says so, and the rest works" "vmctl: this CPU has no SVM" "^alive"
finish
