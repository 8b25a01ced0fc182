# shellcheck shell=sh
# Lab 9. Handout: 0/50
. labs/lib.sh
here=labs/09-assign
device=00:$edu_slot.0
sid=$(printf 0x%x $((0x$edu_slot << 3)))
secret "$OUT/secret.img" 256
cp "$OUT/secret.img" "$OUT/copy.img"
printf 'nothing yet' | dd of="$OUT/copy.img" conv=notrunc 2>/dev/null
sum=$(sha "$OUT/secret.img")
fact=$((5 + $(seed_number fact 7)))
product=1 i=0
while [ $i -lt $fact ]; do i=$((i + 1)) product=$((product * i)); done
byte=$(printf %02x $((16 + $(seed_number byte 200))))

# Behind an IOMMU, a guest that takes its addresses for the machine's; and one whose device is denied.
begin registers 5
# shellcheck disable=SC2046,SC2016
run lab9 "script=\"vmctl create r -m 32 -a mode=direct -s 'edu fact $fact; edu fill a 0x$byte; edu map a both >/at; cat /at; edu dma write \$(cat /at); edu peek a; echo over'; vmctl assign r $device; vmctl start r; vmctl wait r; vmctl stats r; vmctl destroy r; vmctl create p -m 32 -a mode=direct -s 'edu dma write 0x6660000; echo over'; vmctl assign p $device -p deny; vmctl start p; vmctl wait p; vmctl destroy p; edu fact $fact; cat /proc/mem; echo the host lives\"" \
	$(root_disk) $(edu "$edu_slot")
need "^r\| .*edu $device: edu0" "^r\| $product$" '^r\| over' '^the host lives'

begin blocked 10
page=$(sed -n 's/^r| 0x\([0-9a-f]*\)$/\1/p' "$log")
need '^r\| 0x[0-9a-f]+000$' "^r\| ($byte){16}$" '^r\| over' "^$device .* [1-9][0-9]* +0$" '^the host lives'
traced "vtd_dmar_fault sid $sid fault [56] addr 0x${page:-the address that the guest printed} write 1"
that "edu should reach nothing: it does in $trace" \
	sh -c "! grep -q 'vtd_dmar_translate dev 00:$edu_slot.00' '$trace'"

begin policy 5
need "^p\| .*edu $device: edu0" '^p\| over' '^the host lives'
that "a device that is denied should not even try: see 0x6660000 in $trace" sh -c "! grep -q 'addr 0x6660000' '$trace'"

begin back 5
need '^r\| over' '^p\| over' "edu $device: edu0" "^$product$" '^VM +0$' '^the host lives'

# No IOMMU: edu at slot 4 is the host's, and its page a; the VM's device reaches that.
begin unsafe 5
# shellcheck disable=SC2046,SC2016
MEM=192 IOMMU=none run lab9-unsafe "script=\"edu map a both >/at; edu fill a 0x11; vmctl create h -m 32 -a mode=direct -s 'edu fill b 0x$byte; edu map b to >/b; edu dma read \$(cat /b); edu dma write '\$(cat /at)'; echo over'; vmctl assign h $device; vmctl assign h $device --unsafe; vmctl start h; vmctl wait h; vmctl destroy h; echo host: \$(edu peek a); cat /proc/mem; echo the host lives\"" \
	$(root_disk) $(edu 04) $(edu "$edu_slot")
need "^vmctl: $device: this machine has no IOMMU" "vm h: $device can reach all memory" '^h\| over' '^host: [0-9a-f]{32}$' '^VM +0$' '^the host lives'
never "^host: (11|$byte){16}$"

# All of the guest mapped; the guest is as before.
begin static 10
make -s "$B/static.elf" >"$OUT/static.build" 2>&1 || fail "$B/static.elf cannot be built: see $OUT/static.build"
# shellcheck disable=SC2046,SC2016
KERNEL=$B/static.elf run lab9-static "script=\"vmctl create a -m 24 -a mode=direct -s 'dd if=/dev/nvme0 of=/dev/nvme1 bs=64k; sha256sum /dev/nvme1; edu fill a 0x$byte; edu map a both >/at; edu dma read \$(cat /at); edu fill a 0; edu dma write \$(cat /at); edu peek a; echo ready; dd if=/dev/console of=/dev/null bs=16 count=1; echo over'; vmctl assign a 00:$disk_slot.0; vmctl assign a 00:1b.0; vmctl assign a $device; vmctl start a; vmctl wait a ready; vmctl stats a; echo == deny; vmctl deny a $device; vmctl stats a; vmctl send a go; vmctl wait a; vmctl destroy a; cat /proc/mem; sha256sum /dev/nvme2; vmctl create b -m 24 -a mode=direct -s 'sha256sum /dev/nvme0'; vmctl assign b 00:1b.0; vmctl start b; vmctl wait b; vmctl destroy b; cat /proc/mem; echo the host lives\"" \
	$(root_disk) $(disk "$OUT/secret.img" "0x$disk_slot") $(disk "$OUT/copy.img" 0x1b) $(edu "$edu_slot")
need '^a\| .*mode direct' "^a\| $sum" "^a\| ($byte){16}$" '^a\| ready' '^the host lives'
that "$OUT/copy.img should be as $OUT/secret.img: the guest's disks have read or written other memory than they should" \
	cmp -s "$OUT/secret.img" "$OUT/copy.img"
traced "vtd_dmar_translate dev 00:1b.00" "vtd_dmar_translate dev 00:$edu_slot.00"
that "no device of the guest's should find a page at its own address: see $trace" \
	awk -v a="00:$disk_slot.00" -v b=00:1b.00 -v c="00:$edu_slot.00" '/^vtd_dmar_translate/ && $5 == $8 && $5 != "" && ($3 == a || $3 == b || $3 == c) { bad = 1 }
	END { exit bad }' "$trace"

begin pins 5
need '^a\| ready' "^00:$disk_slot.0 .* 6144$" '^00:1b.0 .* 6144$' "^$device .* 6144$" \
	'^== deny' "^00:$disk_slot.0 .* 6144$" '^00:1b.0 .* 6144$' "^$device .* 0$" \
	'^a\| over' '^VM +0$' "^$sum  /dev/nvme2" "^b\| $sum" '^VM +0$' '^the host lives'

begin answers 5
answers "$here"
score
