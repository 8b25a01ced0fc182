# shellcheck shell=sh
# A file of 1 GiB in a file system of 8 GiB: written, read after a reboot and by this machine's
# tools, removed; then all is as it was.
#
# BIG_MIB=n: another size of the file.
. tests/lib.sh
BIG_MIB=${BIG_MIB:-1024}
LIMIT=1500
image=$OUT/large-$BIG_MIB.img source=$OUT/large-$BIG_MIB.src
report=$OUT/large-$BIG_MIB.fsck
export CPUS=2 MEM=256

# The source is sparse too: half a MiB of noise in every 8.
rm -f "$source"
for at in $(seq 0 16 $((BIG_MIB * 2 - 1))); do
	dd if=/dev/urandom of="$source" bs=524288 count=1 seek="$at" conv=notrunc 2>/dev/null
done
dd if=/dev/null of="$source" bs=1048576 count=0 seek="$BIG_MIB" 2>/dev/null
want=$(sha "$source")
"$B/mkfs" "$image" 8192 /bin/init="$B/user/init" /bin/sh="$B/user/sh" /bin/dd="$B/user/dd" \
	/bin/rm="$B/user/rm" /bin/ls="$B/user/ls" /bin/sha256sum="$B/user/sha256sum" /dev/ /proc/

# The blocks in use, if the file system is clean.
used() {
	"$B/fsck" "$image" >"$report" && sed -nE 's/.*clean, .* ([0-9]+) blocks used/\1/p' "$report"
}
before=$(used)

# shellcheck disable=SC2046
boot "large-write-$BIG_MIB" 'script="dd if=/dev/nvme1 of=/big bs=65536 && ls -l /big"' \
	$(disk "$image" 3) $(disk "$source" 4)
ended "$BIG_MIB MiB are written"
full=$(used)
check "the file system is clean, and has as many blocks more" test "${full:-0}" -ge $((before + BIG_MIB * 256))
got=$("$B/mkfs" -x "$image" /big | sha256sum | cut -d' ' -f1)
check "this machine finds the bytes in the image" test "$got" = "$want"
# shellcheck disable=SC2046
boot "large-read-$BIG_MIB" 'script="sha256sum /big && rm /big"' $(disk "$image" 3) $(disk "$source" 4)
ended "read after a reboot, and removed"
expect "the right bytes" "^$want"
after=$(used)
check "the file system is clean, and has the blocks in use that it had" test "$after" = "$before"

# Opening it for writing truncates it: its blocks go to an inode without a name, and are freed.
# shellcheck disable=SC2046
boot "large-again-$BIG_MIB" 'script="dd if=/dev/nvme1 of=/big bs=65536"' $(disk "$image" 3) $(disk "$source" 4)
ended "written again"
# shellcheck disable=SC2046
boot "large-cut-$BIG_MIB" 'script="dd if=/bin/ls of=/big bs=100 count=1 && rm /big"' \
	$(disk "$image" 3)
ended "truncated by opening it"
after=$(used)
check "its blocks are free" test "$after" = "$before"
rm -f "$image" "$source"
finish
