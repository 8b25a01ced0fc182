# shellcheck shell=sh disable=SC2034,SC2154
# Lab 0. Handout: 0/50
. labs/00-tour/devices.sh
answers=labs/00-tour/answers.txt

begin hello 10
# shellcheck disable=SC2046
KERNEL='' run tour-hello 'root=module script="hello"' $(root_module)
that "the program hello should print 'hello, $SEED'" grep -qxF "hello, $SEED" "$log"

# The truth: the same machine, here.
KERNEL=$whole
# shellcheck disable=SC2046
run tour "root=module script=\"lspci; edu fact 5; edu dma write $nowhere; dd if=/dev/nvme0 of=/dev/null bs=512 skip=$block count=1; sha256sum /dev/nvme0\"" \
	$(tour_devices)
[ "$status" = 0 ] || echo "the machine of this lab does not work here ($status): see $log"
first() { # REGULAR-EXPRESSION: what \1 of it is, at its first match in the trace
	sed -nE "s/$1/\1/p" "$trace" | head -n 1
}
registers=$(first "^pci_update_mappings_add edu .* 0,0x([0-9a-f]+)\+.*")
start=$(dd if="$OUT/tour.img" bs=512 skip="$block" count=1 2>/dev/null | head -c 8) number=$((block * 8))
# All but the one of the dd and what the driver looks for a file system in.
reads=$(awk '/^pci_nvme_read / { n = $NF == "0x0" ? 1 : n + 1 } END { print n }' "$trace")
prps=$(sed -nE 's/^pci_nvme_map_prp .* num_prps //p' "$trace" | tail -n 1)
doorbell=$(first "^memory_region_ops_write .*addr 0x([0-9a-f]+08) value .* name 'nvme'")
requester=$(first "^vtd_dmar_fault sid 0x([0-9a-f]+) .*write 1")
position=$(printf %x $((block * 512)))
[ -z "${TRUTH:-}" ] || cat >"$TRUTH" <<END
1. edu 00:$edu_slot.0, disk 00:$disk_slot.0
2. 0x$registers
3. $start, line $number
4. $reads
5. 0x$doorbell
6. 0x$requester
7. $prps
8. RDX is 0x$position; nvme_rw, raw_rw, rw_next, syscall
END

# says N WORD...: the answer, one line, has these words; a number may have 0x before it.
log=/dev/null
said() {
	line=$(sed -n "s/^$1\. *//p" "$answers" 2>/dev/null | head -c 120)
	shift
	for word in "$@"; do
		[ -n "$word" ] && printf '%s\n' "$line" | grep -qiwE "(0x)?0*$word" || return 1
	done
}
says() {
	that "answer $1 in $answers is missing, or is not what your machine shows" said "$@"
}
begin slots 5
says 1 "00:$edu_slot\.0" "00:$disk_slot\.0"
begin registers 5
says 2 "$registers"
begin block 5
says 3 "$start" "$number"
begin commands 5
says 4 "$reads"
begin doorbell 5
says 5 "$doorbell"
begin fault 5
says 6 "$requester"
begin pages 5
says 7 "$prps"
begin gdb 5
says 8 "$position" nvme_rw raw_rw syscall
score
