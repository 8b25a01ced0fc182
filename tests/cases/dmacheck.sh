# shellcheck shell=sh
# The DMA checker: each offence that tests/kernel/dma.c commits is named with the file and line of the
# map and of the offence; and what behaves is not reported, on the host and in a guest.
. tests/lib.sh
own=$B
B=$OUT/dmacheck
log=$OUT/dmacheck-build.log
make -s DEBUG=1 B="$B" all >"$log" 2>&1
check "the test build builds" test -s "$B/fs.img"

# at COMMENT: the line of tests/kernel/dma.c that has it, as the kernel says it.
at() {
	printf '%s' "tests/kernel/dma\.c:$(grep -nF "/* $1 */" tests/kernel/dma.c | cut -d: -f1)\b"
}

# says NAME TEXT…: the log has this line in the part of selftest NAME, prefixed with edu's name.
says() {
	expect "$1" "selftest: dma-$1\$" "dma_check: 00:05.0: $2"
}

# offences: all of them are named in the last boot's log.
offences() {
	says unmapped "unmap at $(at 'offence: never mapped') of what is not mapped; last mapped at no time"
	says unmapped "commit of what is not mapped; last mapped at no time"
	says twice "unmap at $(at 'offence: twice') of what is not mapped; last mapped at $(at 'map: twice'), unmapped at $(at 'first: twice')"
	says direction "mapped at $(at 'offence: direction'): 4 is no direction"
	says failed "unmap at $(at 'offence: failed') of what failed to be mapped at $(at 'map: failed')"
	says uncommitted "unmap at $(at 'offence: uncommitted') without a commit; mapped at $(at 'map: uncommitted')"
	says stack "mapped at $(at 'offence: stack'): a stack"
	says constants "mapped at $(at 'offence: constants'): the kernel's code or constants"
	says code "mapped at $(at 'offence: code'): the kernel's code or constants"
	says freemem "mapped at $(at 'offence: freemem'): free memory"
	says noram "mapped at $(at 'offence: noram'): memory that is no RAM"
	says noram "mapped at $(at 'offence: nowhere'): an address outside of RAM"
	says overlap "mapped at $(at 'offence: overlap'): overlaps what 00:05.0 maps at $(at 'map: overlap'), and one writes"
	says freepage "freepage\+0x[0-9a-f]+ frees memory that is mapped at $(at 'map: freepage')"
	says freeheap "freeheap\+0x[0-9a-f]+ frees memory that is mapped at $(at 'map: freeheap')"
	says freeheap "(kfree|freeheap)\+0x[0-9a-f]+ frees memory that is mapped at $(at 'map: freeblock')"
	says written "unmap at $(at 'offence: written') of what the CPU wrote while the device had it; mapped at $(at 'map: written')"
	says bounced "unmap at $(at 'offence: bounced') of what the CPU wrote while the device had it; mapped at $(at 'map: bounced')"
	says touched "touched\+0x[0-9a-f]+ reads what the device has; mapped at $(at 'map: read')"
	says touched "touched\+0x[0-9a-f]+ writes what the device has; mapped at $(at 'map: write')"
	says ring "free at $(at 'offence: size') of 12288 bytes .*; allocated for 00:05.0 at $(at 'map: ring'): 4096 bytes"
	says ring "free at $(at 'offence: freed') of what is not allocated"
	says ring "free at $(at 'offence: address') of 4096 bytes at iova (0x[0-9a-f]+); allocated for 00:05.0"
	expect "ring of another device" "dma_check: 00:03.0: free at $(at 'offence: device') .*; allocated for 00:05.0"
	expect "leak of a ring" "dma_check: 00:1f.0: left behind: 100 bytes allocated at $(at 'ring: leak')"
	expect "leak of a map" "dma_check: 00:1f.0: left behind: mapped at $(at 'map: leak'), by the map made at $(at 'made: leak')"
	expect "nothing else is reported, and all is counted: 26 and a flood of 1000" "^dma_check: 1026 offences"
	check "a flood prints some lines a second" test "$(grep -c "unmap at $(at flood)" "$log")" -lt 500
}

for IOMMU in vtd none; do
	# shellcheck disable=SC2046
	MEM=128 boot "dmacheck-$IOMMU" 'selftest=dma-all script="cat /proc/dma"' $(root_disk) -device edu,addr=5
	ended "every offence, IOMMU=$IOMMU: the machine survives"
	offences
done
unset IOMMU

# clean NAME: the last boot ended well, the checker was on, and found nothing.
clean() {
	ended "$1"
	reject "$1: nothing is reported" 'dma_check: [^ ]+: '
	expect "$1: nothing is counted" "^${2:-}dma_check: 0 offences"
}
disk=$OUT/dmacheck.img
random_disk "$disk" 1
host='edu test && sha256sum /dev/nvme1 && dd if=/dev/nvme1 of=/dev/nvme1 bs=64k && dmabench map 00:04.0 -b 8 -n 9 -l 9'
guest='edu test && sha256sum /dev/nvme0 && cat /proc/dma'
# shellcheck disable=SC2046
boot dmacheck-clean "script=\"$host && vmctl create b -s '$guest' && vmctl assign b 00:05.0 && vmctl assign b 00:04.0 && vmctl start b && vmctl wait b && cat /proc/dma\"" \
	$(root_disk) $(disk "$disk" 4) -device edu,addr=5,dma_mask=0xffffffff
clean "host and guest behave"
expect "the guest's checker is on, too" "^b\| .*$(sha "$disk")" "^b\| dma_check: 0 offences"
expect "what its drivers leave at power-off is said: the rings of the disk, nothing of edu's" "^\\[.* vm b: its driver of 00:04.0 has left [1-9][0-9]* pages mapped"
reject "edu's driver leaves nothing" "its driver of 00:05.0 has left"
for strategy in persistent deferred batched bounce static; do
	# shellcheck disable=SC2046
	boot "dmacheck-$strategy" "strategy=$strategy script=\"sha256sum /dev/nvme1 && dd if=/dev/nvme1 of=/dev/nvme1 bs=64k && dmabench map 00:04.0 -b 8 -n 9 && mkdir /x && echo yes >/x/y && cat /x/y && cat /proc/dma\"" \
		$(root_disk) $(disk "$disk" 4)
	clean "strategy $strategy"
done

# Off: silent but for what is said without it; the normal build says that it has none.
# shellcheck disable=SC2046
boot dmacheck-off 'dma_check=0 selftest=dma-twice script="cat /proc/dma"' $(root_disk) -device edu,addr=5
expect "off: a double unmap is said all the same" "\] dma: 00:05.0: unmap at $(at 'offence: twice') of what is not mapped; last mapped at $(at 'map: twice')"
reject "off: nothing else is" "dma_check"
B=$own
# shellcheck disable=SC2046
boot dmacheck-normal 'script="cat /proc/dma"' $(root_disk)
ended "the normal build"
[ -n "${DEBUG:-}" ] || reject "the normal build: off" "dma_check"
# shellcheck disable=SC2046
boot dmacheck-asked 'dma_check=1 script="cat /proc/dma"' $(root_disk)
ended "the normal build, asked for it"
[ -n "${DEBUG:-}" ] || expect "the normal build, asked for it, says where it is" "dma_check: only in the test build"

# Who ignores whether a map has worked, or its commit, gets a warning: an error in `make check`.
for use in 'dma_map(m, p, 1, DMA_TO_DEVICE)' 'dma_map_sg(m, 0, 0, DMA_TO_DEVICE)' 'dma_commit(m)'; do
	log=$OUT/dmacheck-unused.log
	printf '#include "hal/dma.h"\nvoid f(struct dma_map *m, void *p);\nvoid f(struct dma_map *m, void *p)\n{\n\t%s;\n}\n' "$use" |
		gcc -std=gnu11 -ffreestanding -mgeneral-regs-only -I. -c -o /dev/null -x c - >"$log" 2>&1
	expect "the compiler sees that the result is ignored: $use" "warn_unused_result|unused-result"
done
finish
