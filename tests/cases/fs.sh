# shellcheck shell=sh
# Which disk is the root, disks as raw devices, and images that are damaged.
. tests/lib.sh
disk=$OUT/fs-data.img other=$OUT/fs-root.img
random_disk "$disk" 2
want=$(sha "$disk")

# make_root: a small root disk of its own, with a mark.
make_root() {
	echo "the other root" >"$OUT/fs-mark"
	"$B/mkfs" "$other" 2 /bin/init="$B/user/init" /bin/sh="$B/user/sh" /bin/cat="$B/user/cat" /bin/echo="$B/user/echo" \
		/bin/ls="$B/user/ls" /mark="$OUT/fs-mark" /dev/ /proc/
}

# poke BLOCK OFFSET OCTAL...: bytes of the other root.
poke() {
	at=$(($1 * 4096 + $2))
	shift 2
	# shellcheck disable=SC2059
	printf "$(printf '\\%s' "$@")" | dd of="$other" bs=1 seek="$at" conv=notrunc 2>/dev/null
}

make_root
# shellcheck disable=SC2046
boot fs-disks 'script="ls /dev; sha256sum /dev/nvme2"' $(root_disk) $(disk "$other" 4) $(disk "$disk" 5)
expect "three disks: the first is the root, all are devices" "fs: root on nvme0" "^nvme0" "^nvme1" "^nvme2"
expect "a raw disk's bytes" "^$want"
ended "three disks: ends"
# shellcheck disable=SC2046
boot fs-root1 'root=nvme1 script="cat /mark"' $(root_disk) $(disk "$other" 4)
expect "root=nvme1" "fs: root on nvme1, 512 blocks" "^the other root"
# shellcheck disable=SC2046
boot fs-noroot 'root=nvme1' $(root_disk) $(disk "$disk" 4)
expect "root= a disk without a file system: refused, with the reason" \
	"fs: nvme1 holds no file system of ours: its magic number" "panic: no root file system"

poke 1 8 2
# shellcheck disable=SC2046
boot fs-version 'script="ls /"' $(disk "$other" 3) $(root_disk | sed 's/disk3/disk4/g; s/addr=3/addr=4/')
expect "a damaged superblock: passed over, saying why and what to do" \
	"fs: nvme0 is not mounted: its version is not 1; check it with fsck" "fs: root on nvme1"
ended "and the next disk is the root"

# The log's header says 3 blocks, the first of them the superblock: nothing of it may be written.
make_root
poke 2 0 41 107 117 114 3 0 0 0 1 0 0 0
cp "$other" "$other.was"
# shellcheck disable=SC2046
boot fs-log 'script="ls /"' $(disk "$other" 3)
expect "a damaged log: no mount" "fs: nvme0 is not mounted: its log has block 1, out of range; check it with fsck" "panic: no root file system"
check "and nothing was written" cmp "$other" "$other.was"

# The root directory is inode 1, behind 64 blocks of log; its second half is beyond the disk.
make_root
poke 66 $((128 + 16)) 377 377 0 0
# shellcheck disable=SC2046
boot fs-dir '' $(disk "$other" 3)
expect "a damaged directory: one line says which block of which inode, and what to do" \
	"fs: nvme0 is damaged: inode 1: block 65535 is out of range; read-only from now on, check it with fsck"
check "fsck finds it too" sh -c "'$B/fsck' '$other' | grep -q 'inode 1: block 65535 is out of range'"

# The bitmap (block 98) marks everything as free: reading goes on, the first write is refused.
make_root
dd if=/dev/zero of="$other" bs=4096 seek=98 count=1 conv=notrunc 2>/dev/null
# shellcheck disable=SC2046
boot fs-bitmap 'script="echo hello >/new; cat /mark; echo again >/new2; exit 0"' $(disk "$other" 3)
expect "a damaged bitmap: writes are refused, reads go on" "fs: nvme0 is damaged: bitmap: block 0 is not of the data and marked free" \
	"^the other root" "read-only file system"
ended "a damaged bitmap: ends"
finish
