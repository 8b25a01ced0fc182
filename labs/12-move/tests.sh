# shellcheck shell=sh
# Lab 12. Handout: 0/50
. labs/lib.sh
here=labs/12-move
secret "$OUT/secret.img" 2048
cp "$OUT/secret.img" "$OUT/copy.img"
printf 'nothing yet' | dd of="$OUT/copy.img" conv=notrunc 2>/dev/null
sum=$(sha "$OUT/secret.img")
late=$(printf 0x%x $((0x300000 + $(seed_number late 256) * 0x2000)))

# A guest that copies a disk, while its pages move; and before it starts.
begin move 5
# shellcheck disable=SC2046
run lab12-load "script=\"vmctl create a -m 32 -s 'dd if=/dev/nvme0 of=/dev/nvme1 bs=64k; sha256sum /dev/nvme0; echo all-read; sleep 600'; vmctl assign a 00:$disk_slot.0; vmctl assign a 00:1b.0; vmctl maps a 0x100000; vmctl move a all; vmctl maps a 0x100000; vmctl move a 0x100000; vmctl maps a 0x100000; vmctl move a all --every 1ms; vmctl start a; vmctl wait a fs:; vmctl maps a; vmctl wait a all-read; vmctl maps a; vmctl stats a; vmctl destroy a; echo == static; vmctl create s -m 32 -a strategy=static -s 'sha256sum /dev/nvme0; echo all-read; sleep 600'; vmctl assign s 00:$disk_slot.0; vmctl start s; vmctl wait s all-read; vmctl move s all; vmctl destroy s; cat /proc/mem; echo the host lives\"" \
	$(root_disk) $(disk "$OUT/secret.img" "0x$disk_slot") $(disk "$OUT/copy.img" 0x1b)
need '^0x[0-9a-f]+' '^[1-9][0-9]* moved, 0 pinned' '^0x[0-9a-f]+' '^1 moved, 0 pinned' '^0x[0-9a-f]+'
that "each time the page at 0x100000 should be in another frame" \
	test "$(grep -E '^0x[0-9a-f]+$' "$log" | sort -u | wc -l)" = 3

begin load 10
need "^a\| $sum" '^a\| all-read' '^the host lives'
that "vmctl stats: pages should have moved while the guest ran" \
	awk '$2 == "moved," && !n { n = $1 } $1 == "moved" { all = $2 } END { exit !(n && all > 2 * n) }' "$log"
that "$OUT/copy.img should be as $OUT/secret.img: bytes were lost while pages moved" cmp -s "$OUT/secret.img" "$OUT/copy.img"
never '^a\| .*fault:'

begin pinned 5
need '^DEVICE +IOVA' '^00:1b.0' '^a\| all-read' '^DEVICE +IOVA' '^found pinned +[1-9]' '^the host lives'
# The driver's rings are mapped as long as it lives: the same line in both listings.
that "vmctl maps: a pinned page should stay in its frame" awk '/^== static/ { exit }
	/^DEVICE +IOVA/ { list++ } $1 == "00:1b.0" && $5 ~ /^[r-][w-]$/ { hpa[list, $2] = $4; all[$2] }
	END { for (v in all) if ((1, v) in hpa && (2, v) in hpa) { n++; bad += hpa[1, v] != hpa[2, v] } exit !(n >= 2 && !bad) }' "$log"

begin static 5
need '^== static' "^s\| $sum" '^0 moved, [1-9][0-9]* pinned' '^VM +0$' '^the host lives'

# Two CPUs that never leave the guest by themselves: QEMU forgets all when one enters.
begin flush 10
moves=$(printf 'vmctl move s 0x300000; vmctl move s 0x9000; %.0s' 1 2 3 4 5 6 7 8 9 10)
# shellcheck disable=SC2046
CPUS=3 run lab12-steady "script=\"vmctl create s -m 16 -c 2 -k /tests/steady -r ''; vmctl start s; vmctl wait s A; vmctl wait s B; $moves vmctl status s; vmctl stats s; vmctl destroy s; echo the host lives\"" $(root_disk)
need '^s +running +16 MiB 2 CPUs' '^the host lives'
that "vmctl move: each of 20 moves should say '1 moved, 0 pinned'" test "$(grep -c '^1 moved, 0 pinned' "$log")" = 20

# The bug: pages that are unmapped, but not yet forgotten.
begin late 10
# shellcheck disable=SC2046
run lab12-late "script=\"vmctl create f -m 16 -k /tests/foreign -r '' -a late=${late#0x}; vmctl assign f 00:$edu_slot.0; vmctl start f; vmctl wait f now; vmctl move f $late; vmctl send f go; vmctl wait f; vmctl stats f; vmctl destroy f; echo the host lives\"" \
	$(root_disk) $(edu "$edu_slot")
need '^f\| ok the device writes' '^f\| ok 255 pages' '^f\| now' '^0 moved, 1 pinned' '^f\| ok after the sync' "^00:$edu_slot.0 .* 0$" '^the host lives'

begin answers 5
answers "$here"
score
