# shellcheck shell=sh
# Lab 11. Handout: 0/50
. labs/lib.sh
here=labs/11-strategies
device=00:$edu_slot.0
sid=$(printf 0x%x $((0x$edu_slot << 3)))
secret "$OUT/secret.img" 1024
cp "$OUT/secret.img" "$OUT/copy.img"
printf 'nothing yet' | dd of="$OUT/copy.img" conv=notrunc 2>/dev/null
sum=$(sha "$OUT/secret.img")

# On the machine: both disks and edu.
begin bytes 10
# shellcheck disable=SC2046,SC2016
run lab11-host "strategy=optimistic script=\"dd if=/dev/nvme1 of=/dev/nvme2 bs=64k; echo copied; edu fill a 0x66; edu map a both >/at; edu dma write \$(cat /at); edu unmap a; sleep 1; edu fill a 0x77; edu dma write \$(cat /at); edu peek a; cat /proc/dma\"" \
	$(root_disk) $(disk "$OUT/secret.img" "0x$disk_slot") $(disk "$OUT/copy.img" 0x1b) $(edu "$edu_slot")
need '^copied' "^00:$disk_slot.0 +optimistic " '^00:1b.0 +optimistic '
that "$OUT/copy.img should be as $OUT/secret.img: the disks have read or written other memory than they should" \
	cmp -s "$OUT/secret.img" "$OUT/copy.img"
traced "vtd_dmar_translate dev 00:1b.00"

# One second after the unmap the device is out.
begin safe 10
need '^(77){16}$' "^$device +optimistic "
that "a second after the unmap edu's write should be blocked: see $trace" \
	sh -c "grep -E 'dev 00:$edu_slot.00|fault sid $sid ' '$trace' | tail -n 1 | grep -q 'vtd_dmar_fault'"

# What is mapped again at once costs no invalidation: 2,000 pairs beside 2,000 of strict.
begin cost 10
# shellcheck disable=SC2046
run lab11-cost "script=\"dmabench map $device -s optimistic -n 2000; cat /proc/dma\"" $(root_disk) $(edu "$edu_slot")
need '^optimistic	1	1	0	[0-9]+	[0-9]{1,2}	0	' "^$device +optimistic "
inv=$(grep -c 'vtd_inv_desc_iotlb' "$trace")
that "QEMU should have seen few invalidations for 2,600 pairs of map and unmap: it saw $inv" test "$inv" -lt 600

# In a guest, and under a quota: what is not in use makes room.
begin guest 5
# shellcheck disable=SC2046
run lab11-guest "script=\"vmctl create a -m 32 -a strategy=optimistic -s 'dmabench map $device -n 500; sha256sum /dev/nvme0; cat /proc/dma'; vmctl assign a 00:$disk_slot.0; vmctl assign a $device; vmctl start a; vmctl wait a; vmctl destroy a; vmctl create q -m 32 -s 'dmabench map $device -s persistent -b 16 -n 2; dmabench map $device -b 16 -p 2 -n 2; dmabench map $device -b 16 -p 3 -n 2; dmabench map $device -b $((quota + 1)) -l 1 -n 2; cat /proc/dma'; vmctl assign q $device -q $((quota + 2)); vmctl start q; vmctl wait q; vmctl stats q; vmctl destroy q; dmabench map $device -s ondemand -b 64 -p 1 -n 2; dmabench map $device -b 64 -p 2 -n 2; dmabench map $device -b 64 -p 3 -n 2; cat /proc/iommu; cat /proc/mem\"" \
	$(root_disk) $(disk "$OUT/secret.img" "0x$disk_slot") $(edu "$edu_slot")
need '^a\| -	1	1	0	[0-9]+	0	[0-9]{1,2}	' "^a\| $sum" "^a\| $device +optimistic " '^VM +0$'

begin quota 10
need '^q\| persistent	1	16	' '^q\| -	2	16	' '^q\| -	3	16	' "^q\| -	1	$((quota + 1))	1	" "^q\| $device +persistent "
never '^q\| .*over quota'
need '^-	3	64	' "vtd +$device"
that "/proc/iommu: ondemand should keep 256 pages or fewer mapped" \
	awk -v d="$device" '$3 == d && $2 == "vtd" { n = $7 } END { exit !(n > 100 && n <= 256) }' "$log"

begin answers 5
answers "$here"
score
