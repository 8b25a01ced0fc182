# shellcheck shell=sh disable=SC2034,SC2154
# Lab 3. Handout: 0/50
. labs/lib.sh
secret "$OUT/secret.img" 1024
head -c 1048576 /dev/zero >"$OUT/copy.img"
# As many queues as CPUs, of so many entries.
last=$(($(sed -nE 's/^#define ENTRIES +([0-9]+).*/\1/p' drivers/nvme.c) - 1))
traces='pci_nvme_*'

# rings NAME COMMAND-LINE ARGUMENT...: boots; of the trace, what comes after the firmware: it drives
# disks, too, and the kernel stops them first.
rings() {
	IOMMU=none run "$@"
	sed '1,/^pci_nvme_mmio_stopped/d' "$trace" >"$OUT/$1.driver.trace"
	trace=$OUT/$1.driver.trace
}
# region SKIP SIZE, in KiB: there the copy is like the student's disk.
region() {
	for f in secret copy; do
		dd if="$OUT/$f.img" of="$OUT/$f.part" bs=1024 skip="$1" count="$2" 2>/dev/null
	done
	cmp -s "$OUT/secret.part" "$OUT/copy.part"
}
# commands N BYTES: so many reads and as many writes of that length, at least, and all were completed.
commands() {
	[ "$(grep -cE "^pci_nvme_read .* count $2 " "$trace")" -ge "$1" ] &&
		[ "$(grep -cE "^pci_nvme_write .* count $2 " "$trace")" -ge "$1" ]
}
# What the driver has taken from queue 1 is what was put into it, also behind its end: the last
# doorbell says so.
all_taken() {
	awk -v size=$((last + 1)) '$1 == "pci_nvme_enqueue_req_completion" && $5 == 1 { n++ }
		$1 == "pci_nvme_mmio_doorbell_cq" && $3 == 1 { at = $5 }
		END { exit n < size || at != n % size }' "$trace"
}
same() {
	that "the $1 should be as on the student's disk: compare $OUT/secret.img with $OUT/copy.img" region "$2" "$3"
}

begin admin 5
# shellcheck disable=SC2046
CPUS=1 rings lab3-around 'root=module script="dd if=/dev/nvme0 of=/dev/null bs=4k count=160; echo all read"' \
	$(root_module) $(disk "$OUT/secret.img" "0x$disk_slot")
traced '^pci_nvme_mmio_start_success' '^pci_nvme_identify_ctrl' '^pci_nvme_identify_ns '

begin around 5
need '^all read'
that "the completion queue should be emptied to its last entry, and go around: see pci_nvme_mmio_doorbell_cq in $trace" all_taken

begin queues 10
# shellcheck disable=SC2046
CPUS=2 rings lab3 'root=module script="dd if=/dev/nvme0 of=/dev/nvme1 bs=4k count=160; dd if=/dev/nvme0 of=/dev/nvme1 bs=8k skip=80 seek=80 count=8; dd if=/dev/nvme0 of=/dev/nvme1 bs=64k skip=11 seek=11; sha256sum /dev/nvme0; cat /proc/interrupts"' \
	$(root_module) $(disk "$OUT/secret.img" "0x$disk_slot") $(disk "$OUT/copy.img" 0x1b)
need "nvme 00:$disk_slot.0: nvme0, 2048 blocks of 512 bytes, 2 queues" "nvme 00:1b.0: nvme1"
for id in 1 2; do
	traced "^pci_nvme_create_cq .*cqid=$id, vector=$id, qsize=$last, qflags=3, ien=1" \
		"^pci_nvme_create_sq .*sqid=$id, cqid=$id, qsize=$last, qflags=1"
done

begin pages 5
that "there should be 160 reads and 160 writes of 4096 bytes: see $trace" commands 160 4096
same "first 640 KiB" 0 640

begin pairs 5
that "there should be 8 reads and 8 writes of 8192 bytes: see $trace" commands 8 8192
same "64 KiB from 640 KiB on" 640 64

begin lists 5
that "there should be 5 reads and 5 writes of 65536 bytes: see $trace" commands 5 65536
traced '^pci_nvme_map_prp .* len 65536 '
same "last 320 KiB" 704 320

begin interrupts 5
traced '^pci_nvme_irq_msix raising MSI-X IRQ vector 1$' '^pci_nvme_irq_msix raising MSI-X IRQ vector 2$'
need '^VECTOR'

begin clean 5
need "^$(sha "$OUT/secret.img")  /dev/nvme0"
that "QEMU's disk should find nothing to object to: grep -E 'pci_nvme_(err|ub)' $trace" sh -c "! grep -qE '^pci_nvme_(err|ub)' '$trace'"

begin answers 5
answers labs/03-rings
score
