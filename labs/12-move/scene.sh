#!/bin/sh
# The scene of step 5: what the guest, vmctl and QEMU's IOMMU say, in the order in which it happens.
# edu is at 00:05.0; the pair of pages at GPA 0x300000.
cd "$(dirname "$0")/../.." || exit 2
make --no-print-directory -s all || exit 1
OUT=build/grade
. tests/lib.sh
script="vmctl create f -m 16 -k /tests/foreign -r '' -a late=300000; vmctl assign f 00:05.0; vmctl start f; vmctl wait f now; vmctl maps f 0x300000; vmctl move f 0x300000; vmctl maps f 0x300000; vmctl send f go; vmctl wait f; vmctl destroy f"
# One pipe for all, and so one order: the trace goes to stderr.
# shellcheck disable=SC2046
timeout -k 5 "$LIMIT" "$QEMU" -M q35 -cpu max -m 512 -smp 2 -nodefaults -vga none -display none -serial stdio -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=4 $(iommu) -kernel "$B/halcyon.elf" -append "script=\"$script\"" \
	$(root_disk) -device edu,addr=5,dma_mask=0xffffffff -trace 'vtd_inv_desc_iotlb*' -trace vtd_dmar_translate -trace vtd_dmar_fault \
	</dev/null 2>&1 | tr -d '\r' | awk '/^f\|/ { on = 1 } on' | grep -v 'dev 00:03.00'
