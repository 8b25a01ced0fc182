#!/bin/sh
# The demonstration: one machine, booted twice, and what must hold. BOOT=kernel|iso|uefi.
# The story itself is tests/guest/story.sh, which runs on the host system inside the machine.
set -u
cd "$(dirname "$0")/.." || exit 2
OUT=${OUT:-${B:-build}/demo}
LIMIT=${LIMIT:-400}
. tests/lib.sh

# On the terminal: a line for each thing that must hold, instead of TAP.
ok() { tap=$((tap + 1)); echo "   ok   $1"; }
not_ok() { tap=$((tap + 1)); failures=$((failures + 1)); echo "   NO   $1"; echo "        $2; log: $log"; }
step() { echo; echo "$1"; }

# While the machine runs: the time gone, on a terminal only.
machine() {
	if [ -t 1 ]; then
		(t=0; while sleep 1; do t=$((t + 1)); printf '\r        … %s, %d s ' "$1" "$t"; done) &
		clock=$!
		boot "$@"
		kill "$clock" 2>/dev/null
		wait "$clock" 2>/dev/null
		printf '\r%60s\r' ''
	else
		boot "$@"
	fi
}

data=$OUT/data.img after=$OUT/after.img
random_disk "$data" 16
before_sum=$(sha "$data")
cp "$data" "$after" # what VM a is to make of it, made by this machine's own dd
dd if="$data" of="$after" bs=64k count=16 seek=32 conv=notrunc 2>/dev/null
after_sum=$(sha "$after")

# shellcheck disable=SC2046
set -- $(root_disk) $(disk "$data" 4) -device edu,addr=5,dma_mask=0xffffffff

echo "Halcyon: q35, ${CPUS:-2} CPUs, ${IOMMU:-vtd} with interrupt remapping, two NVMe disks, edu; BOOT=${BOOT:-kernel}"
step "1. The host reads the disk: the same driver, without and with the IOMMU"
machine direct 'mode=direct script="sha256sum /dev/nvme1"' "$@"
expect "mode direct: the checksum is that of this machine's sha256sum" "dma: mode direct" "^$before_sum"
ended "the machine turned itself off"
trace=$OUT/iommu.trace
rm -f "$trace"
machine story 'script="sh /tests/story.sh"' "$@" -D "$trace" \
	-trace 'vtd_iotlb_page_update' -trace 'vtd_dmar_fault' -trace 'vtd_inv_desc_iotlb*' -trace 'vtd_inv_desc_cc_device*' \
	-trace 'amdvi_cache_update' -trace 'amdvi_pages_inval' -trace 'amdvi_translation_result'
expect "mode iommu: the same checksum, through the IOMMU" "dma: mode iommu" "^== 1" "^$before_sum"
# What QEMU saw, in the same words for both IOMMUs: map DOMAIN IOVA HPA, inv DOMAIN, block RID IOVA.
# Its AMD-Vi (7.2) logs no faults, so there the guest and the host's log know nothing of them.
awk '$1 == "vtd_iotlb_page_update" { print "map", $NF, $8, substr($10, 1, length($10) - 3) "000" }
	$1 == "vtd_inv_desc_iotlb_pages" { print "inv", $5 }
	$1 == "vtd_dmar_fault" { print "block", $3 == "0x20" ? "00:04.0" : "00:05.0", $7 }
	$1 == "amdvi_cache_update" { print "map", $5, $9, $11 }
	$1 == "amdvi_pages_inval" { print "inv", $6 }
	$1 == "amdvi_translation_result" && $NF == "0x0" { print "block", $3, $5 }' "$trace" >"$OUT/witness"
witness=$OUT/witness
logged() { [ "${IOMMU:-vtd}" = vtd ] && echo "$1" || echo "$2"; } # a line of the log with the fault, or without

# Lines of the log between two headings, into the file $part.
part=$OUT/part.log
part() {
	sed -n "/^== $1/,/^== $2/p" "$OUT/story.log" >"$part"
}
# The domain in the part's statistics; the trace counts it in hexadecimal.
domain() {
	printf '0x%x' "$(awk '/DOMAIN/ { getline; print $2 }' "$part")"
}
# How many translations QEMU made for a domain.
translations() {
	awk -v d="$1" '$1 == "map" && $2 == d' "$witness" | wc -l
}

step "2. VM a, the same image: its HAL asks, the VMM pins and programs VT-d"
part 2 3a
expect "the guest finds the VMM, and chooses mode coop" "^== 2" "^a\| .*booted by multiboot2" "^a\| .*VM of HalcyonVMM" "^a\| .*mode coop"
expect "it reads the whole disk: the checksum is right" "^== 2" "^a\| $before_sum"
expect "it writes a range, reads again: the checksum is right" "^a\| $before_sum" "^a\| $after_sum" "^a ended well"
check "the image file, by this machine's cmp, is as it should be" cmp -s "$data" "$after"
check "GPA, HPA and IOVA all differ, for every live grant" awk '$1 == "00:04.0" && NF == 6 && $5 ~ /[rw-]+/ { n++; if ($2 == $3 || $3 == $4 || $2 == $4 || $6 < 1) bad++ } END { exit !(n >= 6 && !bad) }' "$part"
d=$(domain)
check "QEMU saw it: $(translations "$d") translations in domain $d, none with IOVA = HPA" \
	awk -v d="$d" '$1 == "map" && $2 == d { n++; if ($3 == $4) bad++ } END { exit !(n > 4000 && !bad) }' "$witness"
inv=$(awk -v d="$d" '$1 == "inv" && $2 == d' "$witness" | wc -l)
check "QEMU saw every unmap: $inv invalidations" test "$inv" -ge 500
awk '/HYPERCALL/ { on = 1; next } /DEVICE/ || $1 == "pages" { on = 0 } on { printf "        hypercall %-7s %6d\n", $1, $2 }' "$part"

step "3. Neither alone suffices"
part 3a 3b
expect "a) permitted, the guest reads; denied, its map fails with the status for policy" "^== 3a" "^d\| the first read went well" "^d\| .*cannot map the buffer: denied by policy"
expect "   the driver reports an I/O error, and the guest goes on" "^d\| dd: /dev/nvme0: input/output error" "^d\| the second read failed" "^d ended well"
d=$(domain)
check "   QEMU saw it: nothing was translated after the denial" \
	awk -v d="$d" '$1 == "inv" && $2 == d { after = 0 } $1 == "map" && $2 == d { after++; n++ } END { exit !(n && !after) }' "$witness"
part 3b 4
expect "b) the HAL does not ask (mode=direct): every DMA is blocked, with RID, IOVA, direction, reason" "^== 3b" "^e\| .*mode direct" \
	"$(logged 'fault: device 00:04.0 read iova 0x[0-9a-f]+: reason 6 \(read not permitted\)' '^e\|')"
expect "   the guest does not hang, and the host does not notice" "^e\| .*fatal status" "^e\| e has no disk" "^e ended well"
d=$(domain)
blocked=$(grep -c '^block 00:04.0' "$witness")
check "   QEMU saw it: $(translations "$d") translations, $blocked blocked reads" \
	test "$(translations "$d")" = 0 -a "$blocked" -gt 0

step "4. NVMe in VM a and edu in VM b at once; b aims at a page of the host and at one of a"
part 4 end
target=$(awk '$1 == "block" && $2 == "00:05.0" && $3 !~ /^0x11000./ { print $3; exit }' "$witness")
expect "both writes are blocked and logged" "^== 4" "$(logged "fault: device 00:05.0 write iova 0x110000: reason 5" .)" \
	"$(logged "fault: device 00:05.0 write iova ${target:-?}: reason 5" .)" "^b ended well"
check "QEMU saw it: both blocked, at 0x110000 and ${target:-nowhere else}" sh -c "grep -q '^block 00:05.0 0x110000$' '$witness' && test -n '$target'"
check "both pages are unchanged" awk '/  -$/ { s[++n] = $1 } END { exit !(n == 4 && s[1] == s[3] && s[2] == s[4] && s[1] != s[2]) }' "$part"
expect "and VM a never noticed: its checksums are right" "^== 4" "^a\| $after_sum" "^a\| $after_sum" "^a ended well"
log=$OUT/story.log
expect "all VMs are gone, both devices are the host's again" "nvme 00:04.0: nvme1" "edu 00:05.0: edu0" "^== end"
ended "the machine turned itself off"

echo
if [ "$failures" = 0 ]; then
	echo "All $tap held. The whole log: $OUT/story.log; QEMU's witness: $trace"
else
	echo "$failures of $tap did not hold. The whole log: $OUT/story.log"
	exit 1
fi
