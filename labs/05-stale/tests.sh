# shellcheck shell=sh
# Lab 5. Handout: 0/50
. labs/lib.sh
here=labs/05-stale
device=00:$edu_slot.0
sid=$(printf 0x%x $((0x$edu_slot << 3))) twin_sid=$(printf 0x%x $((0x$twin_slot << 3)))
secret "$OUT/secret.img" 256
cp "$OUT/secret.img" "$OUT/copy.img"
printf 'nothing yet' | dd of="$OUT/copy.img" conv=notrunc 2>/dev/null
loot=$(printf %02x $((1 + $(od -An -N1 -tu1 /dev/urandom) % 250))) # nobody knows it before

# The student's attack, on a kernel that never invalidates. Nothing else runs that would.
begin exploit 10
before=$(sed -n 's/^before: *//p' "$here/answers.txt" 2>/dev/null) after=$(sed -n 's/^after: *//p' "$here/answers.txt" 2>/dev/null)
log=/dev/null
that "missing: lines 'before: ' and 'after: ' in $here/answers.txt" test -n "$before" -a -n "$after"
honest() { ! echo "$before;$after" | grep -qE 'fill|peek|echo|"' && ! echo "$after" | grep -qE 'map [^b]'; }
that "in 'before' and 'after' nothing may fill, peek, echo or quote; 'after' maps only b" honest
forgetful() { timeout "$LIMIT" make -s "$B/forgetful.elf" >"$OUT/forgetful.log" 2>&1; }
that "it does not build: see $OUT/forgetful.log" forgetful
if [ -z "$why" ]; then
	# shellcheck disable=SC2046
	traces=vtd_iotlb_page_hit KERNEL=$B/forgetful.elf run lab5-exploit \
		"root=module strategy=$device:deferred script=\"$before; edu unmap a; edu fill a 0x$loot; $after; edu peek b\"" \
		$(root_module) $(edu "$edu_slot")
	need "^($loot){16}\$"
	traced "vtd_iotlb_page_hit .*sid $sid "
fi

# A like attack on the student's kernel; and on a twin whose strategy is strict.
begin closed 10
# shellcheck disable=SC2016,SC2046
run lab5-closed "root=module strategy=$device:deferred script=\"edu map a both >/at; edu dma write \$(cat /at); edu unmap a; sleep 1; edu fill a 0x$loot; edu dma read \$(cat /at); edu map b from >/bt; edu dma write \$(cat /bt); edu peek b; edu -d /dev/edu1 map a both >/at; edu -d /dev/edu1 dma write \$(cat /at); edu -d /dev/edu1 unmap a; edu -d /dev/edu1 dma write \$(cat /at); echo tried\"" \
	$(root_module) $(edu "$edu_slot") $(edu "$twin_slot")
need '^tried'
kept() { ! grep -qE "^($loot){16}\$" "$log"; }
that "a second after its unmap edu should not reach the page, but it has read the secret: see $log" kept
traced "vtd_dmar_fault sid $sid fault 6 .* write 0"

# More descriptors than the queue has room for, each waited for.
begin queue 10
# shellcheck disable=SC2046
run lab5-main "strategy=00:$disk_slot.0:deferred,00:1b.0:deferred script=\"dd if=/dev/nvme1 of=/dev/nvme2 bs=64k; echo copied; dmabench map $device -s strict -p 16 -n 300; dmabench map $device -s deferred -n 2000; cat /proc/dma\"" \
	$(root_disk) $(disk "$OUT/secret.img" "0x$disk_slot") $(disk "$OUT/copy.img" 0x1b) $(edu "$edu_slot")
need 'vtd: unit at .* invalidated by queue' 'iommu: vtd, DMA translated' '^strict	16	1	'
waits=$(grep -c 'vtd_inv_desc_wait_sw' "$trace")
that "QEMU should have seen a wait descriptor for each of 900 invalidations: it saw $waits" test "$waits" -gt 900
that "the twin's write after its unmap should be blocked: see $OUT/lab5-closed.trace" \
	grep -qE "vtd_dmar_fault sid $twin_sid fault 5" "$OUT/lab5-closed.trace"

begin precise 5
need '^strict	16	1	0	[0-9]+	1000	0	'
wide=$(grep -c 'vtd_inv_desc_iotlb_global' "$trace")
that "only one global invalidation is needed, when translation starts: QEMU saw $wide" test "$wide" -le 2
traced 'vtd_inv_desc_iotlb_pages .* mask 0x4$'

begin bytes 5
need '^copied' "^00:$disk_slot.0 +deferred " '^00:1b.0 +deferred '
traced 'vtd_inv_desc_wait_sw'
flushes=$(grep -cE 'vtd_inv_desc_iotlb_(domain|global)' "$trace")
that "QEMU should have seen 14 invalidations of a whole domain, or more: it saw $flushes" test "$flushes" -ge 14
that "$OUT/copy.img should be as $OUT/secret.img: the disks have read or written other memory than they should" \
	cmp -s "$OUT/secret.img" "$OUT/copy.img"

# What it saves, as QEMU counts it, and what it exposes.
begin cost 5
need '^deferred	1	1	0	[0-9]+	[0-9]{1,3}	0	[0-9]+	0	[1-9][0-9]*	'
that "QEMU should have seen 14 invalidations of a whole domain, or more: it saw $flushes" test "$flushes" -ge 14
narrow=$(grep -c 'vtd_inv_desc_iotlb' "$trace")
that "902 pairs of strict and 2,602 of deferred should need 2,000 invalidations or fewer: QEMU saw $narrow" test "$narrow" -le 2000

begin answers 5
answers "$here"
score
