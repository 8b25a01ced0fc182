# shellcheck shell=sh
# Lab 6. Handout: 0/50
. labs/lib.sh
here=labs/06-attack
sid=$(printf 0x%x $((0x$edu_slot << 3))) twin_sid=$(printf 0x%x $((0x$twin_slot << 3)))
page=$(printf 0x%x $((0x8000000 + $(seed_number at 4096) * 4096)))      # where the secret lies
there=$(printf 0x%x $((0x70000000 + $(seed_number there 4096) * 4096))) # where there is nothing
loot=$(printf %02x $((1 + $(od -An -N1 -tu1 /dev/urandom) % 250)))
# shellcheck disable=SC2059
printf "$(printf '\\%03o' $((0x$loot)))%.0s" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 >"$OUT/loot"

# What nobody has mapped, in mode direct; and then with the IOMMU.
begin theft 10
steal=$(sed -n 's/^steal: *//p' "$here/answers.txt" 2>/dev/null)
log=/dev/null
that "missing: a line 'steal: ' in $here/answers.txt" test -n "$steal"
honest() { ! echo "$steal" | grep -qE 'fill|peek|echo|"|map [^b]'; }
that "in 'steal' nothing may fill, peek, echo or quote; it maps only b" honest
steal=$(echo "$steal" | sed "s/AT/$page/g")
if [ -z "$why" ]; then
	# shellcheck disable=SC2046
	MEM=192 run lab6-direct "mode=direct root=module script=\"$steal; edu peek b\"" $(root_module) $(edu "$edu_slot") \
		-device "loader,file=$OUT/loot,addr=$page,force-raw=on"
	need "^($loot){16}\$"
	# shellcheck disable=SC2046
	MEM=192 run lab6-blocked "root=module script=\"$steal; edu peek b\"" $(root_module) $(edu "$edu_slot") \
		-device "loader,file=$OUT/loot,addr=$page,force-raw=on"
	need '^(00){16}$'
	traced "vtd_dmar_fault sid $sid fault 6 addr $page write 0"
fi

# Each fault that QEMU's unit has met, in this order, is a line of the log, and there are no others.
begin decode 10
# shellcheck disable=SC2046
run lab6-decode "root=module script=\"edu dma read $page; edu dma write $there; edu -d /dev/edu1 dma write $page; edu dma write $page; edu -d /dev/edu1 dma read $there; edu fact 10; echo tried\"" \
	$(root_module) $(edu "$edu_slot") $(edu "$twin_slot")
need '^tried'
# QEMU moves four bytes at a time; a record has the page.
awk '$1 == "vtd_dmar_fault" { print $3, $5, substr($7, 1, length($7) - 3) "000", $9 }' "$trace" | uniq >"$OUT/faults.qemu"
# device 00:05.0 write iova 0x…: reason 5 (…)
sed -nE 's/^\[.*iommu: fault: device 00:(..)\.0 (read|write) iova (0x[0-9a-f]+): reason ([0-9]+) \(.*/\1 \4 \3 \2/p' "$log" |
	while read -r slot reason iova what; do
		[ "$what" = write ] && what=1 || what=0
		printf '0x%x %s %s %s\n' $((0x$slot << 3)) "$reason" "$iova" "$what"
	done >"$OUT/faults.log"
that "QEMU should have met five faults: see $OUT/faults.qemu" test "$(grep -c . "$OUT/faults.qemu")" = 5
lines=$(grep -c . "$OUT/faults.log")
that "the log should have a line for each of five faults, as QEMU's trace has them: it has $lines ($OUT/faults.log, $OUT/faults.qemu)" \
	cmp -s "$OUT/faults.qemu" "$OUT/faults.log"
that "five faults are no storm" sh -c "! grep -q 'cut off' '$log'"

# With faults=0 the first is one too many; the twin goes on.
begin cut-off 10
# shellcheck disable=SC2016,SC2046
traces=pci_cfg_write run lab6-cut "faults=0 root=module script=\"edu dma write $there; edu -d /dev/edu1 map a both >/at; edu -d /dev/edu1 dma write \$(cat /at) && echo the twin lives; echo tried; cat /proc/iommu\"" \
	$(root_module) $(edu "$edu_slot") $(edu "$twin_slot")
need "device 00:$edu_slot.0 faults without end: cut off" '^the twin lives' '^tried'
# The last that was written to its command register, offset 4, has no bus master, bit 2.
command=$(sed -n "s/^pci_cfg_write edu 00:$edu_slot.0 @0x4 <- //p" "$trace" | tail -n 1)
that "edu should have no bus master at the end: see pci_cfg_write in $trace" test $((${command:-4} & 4)) = 0
traced "vtd_dmar_translate dev 00:$twin_slot.00"

# Interrupts go by the table, whose entries serve one source each.
begin remap 10
# shellcheck disable=SC2046
traces='vtd_ir_*' run lab6-remap "script=\"edu fact 10; edu -d /dev/edu1 fact 5; cat /init | wc; echo tried\"" \
	$(root_disk) $(edu "$edu_slot") $(edu "$twin_slot")
need 'DMA translated, interrupts remapped' '^3628800$' '^120$' '^tried'
traced 'vtd_ir_enable enable 1' 'vtd_ir_remap_msi .*0x[0-9a-f]+'
remapped=$(grep -c 'vtd_ir_remap_msi ' "$trace")
that "the disk's and both edus' interrupts should come by the table: QEMU saw $remapped" test "$remapped" -ge 10

begin sources 5
traced "vtd_ir_irte_get index [0-9]+ .* 0x$(printf %x $((0x40000 | sid))) " \
	"vtd_ir_irte_get index [0-9]+ .* 0x$(printf %x $((0x40000 | twin_sid))) "
forgotten=$(grep -c 'vtd_inv_desc_iec' "$trace")
that "QEMU should have seen an invalidation of the interrupt cache for each entry, and one of all: it saw $forgotten" test "$forgotten" -ge 5

begin answers 5
answers "$here"
score
