# shellcheck shell=sh
# Lab 10. Handout: 0/50
. labs/lib.sh
here=labs/10-cooperate
device=00:$edu_slot.0
sid=$(printf 0x%x $((0x$edu_slot << 3)))
limit=$((700 + quota))
secret "$OUT/secret.img" 256
cp "$OUT/secret.img" "$OUT/copy.img"
printf 'nothing yet' | dd of="$OUT/copy.img" conv=notrunc 2>/dev/null
sum=$(sha "$OUT/secret.img")

# The VMM's half, asked by a guest that is not ours.
begin calls 5
# shellcheck disable=SC2046
run lab10-foreign "script=\"vmctl create f -m 16 -k /tests/foreign -r ''; vmctl assign f $device; vmctl start f; vmctl wait f; vmctl stats f; vmctl destroy f; cat /proc/mem; echo the host lives\"" \
	$(root_disk) $(edu "$edu_slot")
need '^f\| ok no map before attach' '^f\| ok no page beyond our memory' '^f\| ok nor a range that leaves it' \
	'^f\| ok map' '^f\| ok an address is mapped once' '^the host lives'

begin reach 5
need '^f\| ok DMA from memory and back' '^the host lives'
traced "vtd_dmar_translate dev 00:$edu_slot.00 iova 0x5000000 -> gpa 0x"

begin out 5
need '^f\| ok unmap' '^f\| ok what was unmapped' '^f\| ok nothing is left there' '^f\| ok detach' \
	"^$device .* 0$" '^VM +0$' '^the host lives'
traced "vtd_dmar_fault sid $sid fault 5 addr 0x5000000 write 1"

# Both halves.
begin disk 5
# shellcheck disable=SC2046,SC2016
run lab10-guest "script=\"vmctl create a -m 32 -s 'dd if=/dev/nvme0 of=/dev/nvme1 bs=64k; echo copied; echo strategy 00:$disk_slot.0 batched >/dev/dma; sha256sum /dev/nvme0; edu test; edu map a both >/at; edu dma write \$(cat /at); echo ready; dd if=/dev/console of=/dev/null bs=16 count=1; edu fill a 0x77; edu dma write \$(cat /at); edu peek a; echo over'; vmctl assign a 00:$disk_slot.0; vmctl assign a 00:1b.0; vmctl assign a $device; vmctl start a; vmctl wait a ready; vmctl maps a; vmctl deny a $device; echo == denied; vmctl maps a; vmctl permit a $device; vmctl send a go; vmctl wait a; vmctl stats a; vmctl destroy a; cat /proc/mem; echo the host lives\"" \
	$(root_disk) $(disk "$OUT/secret.img" "0x$disk_slot") $(disk "$OUT/copy.img" 0x1b) $(edu "$edu_slot")
need '^a\| .*mode coop' '^a\| .*nvme1, ' '^a\| copied' '^VM +0$' '^the host lives'
that "$OUT/copy.img should be as $OUT/secret.img: the guest's disks have read or written other memory than they should" \
	cmp -s "$OUT/secret.img" "$OUT/copy.img"
traced "vtd_dmar_translate dev 00:1b.00"

begin contract 5
need '^a\| ok 1 - ' '^a\| ok 2 - ' '^a\| ok 7 - after unmap nothing arrives' '^a\| ok 9 - two buffers in one page' '^a\| ok 12 - '
that "vmctl maps: IOVA, GPA and HPA of a page should all differ, and it should be pinned" awk '/^== denied/ { exit !(n && !bad) }
	/^00:/ && $5 ~ /^[r-][w-]$/ { n++; bad += $2 == $3 || $3 == $4 || $2 == $4 || $6 < 1 } END { exit !(n && !bad) }' "$log"

begin deny 5
iova=$(awk -v d="$device" '/^== denied/ { exit } $1 == d && $5 == "rw" { print $2 }' "$log")
need "^$device +${iova:-the page that edu was granted} " '^== denied' '^a\| (77){16}' '^a\| over'
that "after the denial vmctl maps should list nothing of $device" \
	awk -v d="$device" '/^== denied/ { on = 1 } /^a\|/ { on = 0 } on && $1 == d { bad = 1 } END { exit bad }' "$log"
that "the last that edu did should be a write to 0x$iova, blocked: see $trace" \
	sh -c "grep -E 'dev 00:$edu_slot.00|fault sid $sid ' '$trace' | tail -n 1 | grep -q 'fault 5 addr 0x${iova%000}... write 1'"

begin batch 5
log=$OUT/lab10-foreign.log
need '^f\| ok no flag but sync' '^f\| ok a batch is 1 to 64'
log=$OUT/lab10-guest.log
need '^a\| copied' "^a\| $sum" '^batch +[1-9]'

# Neither side alone: in this boot edu must never reach anything.
begin alone 5
# shellcheck disable=SC2046,SC2016
run lab10-alone "script=\"vmctl create e -m 32 -a mode=direct -s 'edu fill a 0x66; edu dma write \$(edu map a both); edu peek a'; vmctl assign e $device; vmctl start e; vmctl wait e; vmctl destroy e; vmctl create p -m 32 -s 'edu map a both; echo over'; vmctl assign p $device -p deny; vmctl start p; vmctl wait p; vmctl destroy p; vmctl create q -m 32 -s 'dmabench map $device -n 50 -l $((limit - 8)); echo enough; dmabench map $device -n 50 -l $((limit + 1)); dmabench map $device -n 1 -p 256; dmabench map $device -s static -n 1; dmabench map $device -s batched -b 16 -n 20; echo strategy $device strict >/dev/dma'; vmctl assign q $device -q $limit; vmctl start q; vmctl wait q; vmctl stats q; vmctl destroy q; vmctl create r -m 32 -s 'echo strategy $device static >/dev/dma; cat /proc/iommu'; vmctl assign r $device; vmctl start r; vmctl wait r; vmctl destroy r; echo the host lives\"" \
	$(root_disk) $(edu "$edu_slot")
need '^e\| (66){16}$' '^p\| edu: map: denied by policy' '^p\| over' '^the host lives'
traced "vtd_dmar_fault sid $sid fault"
that "edu should reach nothing: it does in $trace" \
	sh -c "! grep -q 'vtd_dmar_translate dev 00:$edu_slot.00' '$trace'"

begin quota 5
# Two hypercalls for a pair of map and unmap of a page: the seventh field, times 1000. Static would map all
# of the guest, 512 pages a call: one of them is over quota, and those before it must go again.
need "^q\| -	1	1	$((limit - 8))	[0-9]+	0	2000	" '^q\| enough' '^q\| .*over quota' '^q\| -	256	1	0	' '^q\| .*over quota' \
	'^q\| batched' "^$device .* 0$" 'vm r: its driver of .* has left 8095 pages' '^the host lives'
never 'unmap of iova'

begin answers 5
answers "$here"
score
