# shellcheck shell=sh
# Lab 4. Handout: 0/50
. labs/lib.sh
here=labs/04-iommu
secret "$OUT/secret.img" 256
cp "$OUT/secret.img" "$OUT/copy.img"
printf 'nothing yet' | dd of="$OUT/copy.img" conv=notrunc 2>/dev/null
sid=$(printf 0x%x $((0x$edu_slot << 3))) twin_sid=$(printf 0x%x $((0x$twin_slot << 3)))

begin format 5
log=$OUT/format.log
timeout "$LIMIT" make -s "$B/host/pt_test" >"$log" 2>&1 && timeout "$LIMIT" env -u SEED "$B/host/pt_test" vtd >>"$log" 2>&1
need '^ok [0-9]+ - vtd: entries have the bits' '^ok [0-9]+ - vtd: out of memory' \
	'^ok [0-9]+ - vtd: dead tables' '^ok [0-9]+ - vtd, 4 levels: -ERANGE' '^ok [0-9]+ - vtd, 4 levels.* random'

begin window 5
log=$OUT/window.log
timeout "$LIMIT" env -u SEED "$B/host/pt_test" amdvi >"$log" 2>&1
need '^ok [0-9]+ - amdvi: a window is filled'

begin on 5
# shellcheck disable=SC2046
run lab4 'script="edu test; edu fill a 0x66; edu -d /dev/edu1 dma write $(edu map a both); edu peek a; echo copying; dd if=/dev/nvme1 of=/dev/nvme2 bs=64k; echo copied"' \
	$(root_disk) $(edu "$edu_slot") $(edu "$twin_slot") $(disk "$OUT/secret.img" "0x$disk_slot") \
	-device pcie-root-port,id=bus1,addr=0x1b,chassis=1 $(disk "$OUT/copy.img" 0),bus=bus1
need 'iommu: vtd, DMA translated' 'dma: mode iommu' 'fs: root on nvme0'
traced 'vtd_dmar_enable .*1'

begin reach 5
need '^ok 1 - what is mapped is reached' '^ok 6 - a write arrives'
traced "vtd_dmar_translate dev 00:$edu_slot.00 iova 0x[1-9a-f][0-9a-f]+ -> gpa"

begin direction 5
need '^ok 2 - a buffer mapped to the device is not writable by it' '^ok 4 - but it is readable' \
	'^ok 5 - a buffer mapped from the device is not readable by it'
traced "vtd_dmar_fault sid $sid fault 5 .* write 1" "vtd_dmar_fault sid $sid fault 6 .* write 0"

begin gone 5
need '^ok 7 - after unmap nothing arrives' '^ok 8 - ' '^ok 9 - two buffers in one page' '^ok 10 - ' '^ok 11 - '
traced "vtd_dmar_fault sid $sid fault 5 addr 0x7f000000 write 1"

begin apart 5
need '^(66){16}$'
traced "vtd_dmar_fault sid $twin_sid fault 5"

begin disk 5
need '^copied'
traced "vtd_dmar_translate dev 00:$disk_slot.00" "vtd_dmar_translate dev 01:00.00"
that "$OUT/copy.img should be as $OUT/secret.img: the disk has read or written other memory than it should" \
	cmp -s "$OUT/secret.img" "$OUT/copy.img"

begin widths 5
# shellcheck disable=SC2046
IOMMU=none run lab4-4level 'vtd=4level script="edu test"' -device intel-iommu,intremap=on,aw-bits=48,caching-mode=on \
	$(root_disk) $(edu "$edu_slot")
need 'vtd: unit at 0x[0-9a-f]+: 4 levels' '^ok 1 - what is mapped is reached' '^ok 2 - ' '^ok 7 - after unmap' '^ok 10 - ' '^ok 12 - the device lives on'
traced "vtd_dmar_translate dev 00:$edu_slot.00"

begin answers 5
answers "$here"
score
