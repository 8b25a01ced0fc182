# shellcheck shell=sh
# Guests that have no device: console, timer and power-off; and a disk that the VMM copies from and to
# a file of the host's. What is on the disks is compared by this machine's tools.
. tests/lib.sh
disk=$OUT/pvdisk.img root=$OUT/pvdisk-root.img
random_disk "$disk" 2
cp "$B/fs.img" "$root"
pattern() { awk 'BEGIN { for (i = 0; i < 4096; i++) printf "\\%03o", i % 251 }' | xargs -0 printf; }
before=$(sha "$disk")
after=$({ head -c 1048576 "$disk"; head -c 262144 "$disk"; tail -c +1310721 "$disk"; } | sha256sum | cut -d' ' -f1)
after2=$({ head -c 520192 "$disk"; pattern; } | sha256sum | cut -d' ' -f1)
block=$(pattern | sha256sum | cut -d' ' -f1)
# shellcheck disable=SC2046
boot pvdisk 'script="sh /tests/pvdisk.sh"' $(disk "$root" 3) $(disk "$disk" 4) -device edu,addr=5
expect "a guest without a device: root from a module, timer, console, power-off" \
	"^bare\| .*fs: root on module" "^bare\| bare was told" "^bare ended well"
reject "and it sees none" "^bare\| (nvme|edu|pv|[0-9a-f]{2}:)"
expect "the file's bytes reach the guest, the guest's the file" "^a\| $before" "^a\| $after" "^a ended well" "^disk +[0-9]+" "^$after  */disk"
expect "and those of another, at the same time, the other file" "^c ended well" "^$after2  */disk2"
expect "another runs from one meanwhile" "^b\| .*fs: root on pv0" "^b\| b wrote this" "^b\| copied" "^b ended well"
"$B/mkfs" -x "$root" /root.img >"$root.pv"
check "what it wrote is there" test "$("$B/mkfs" -x "$root.pv" /note)" = "b wrote this"
check "in a file system that is whole" "$B/fsck" "$root.pv"
expect "what cannot be a disk is refused" "no such disk file" "^status 1" "no file, or shorter" "^status 1"
expect "wrong blocks and addresses are refused, by status" "^f\| ok write a block" "^f\| ok and read it" \
	"^f\| ok no block behind" "^f\| ok no memory but ours" "^f ended well" "^$block"
expect "after all are gone, no frame is" "^VM +0$" "^120"
ended "the host ends well"
finish
