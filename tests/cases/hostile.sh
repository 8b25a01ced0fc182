# shellcheck shell=sh
# Guests that triple-fault, loop, make random calls and exits, program their devices at random, or
# touch what is not there: two at a time beside one that only wants to read its disk.
. tests/lib.sh
disk=$OUT/hostile.img
LIMIT=600
random_disk "$disk" 4
random_disk "$disk.bad" 1
want=$(sha "$disk")
# shellcheck disable=SC2046
MEM=256 boot hostile 'script="sh /tests/hostile.sh"' $(root_disk) $(disk "$disk" 4) $(disk "$disk.bad" 7) \
	-device edu,addr=5,dma_mask=0xffffffff -device edu,addr=6
ended "the host lives through all of them"
expect "a triple fault ends that VM" "vm triple: triple fault" "vmctl: triple ended: triple fault"
expect "50,000 random hypercalls end with an answer each" "random calls survived"
expect "most are refused, some are not" "HYPERCALL" "attach +[0-9]+" "unmap +[0-9]+"
expect "20,000 random ports, MSRs, CPUID leaves and registers of configuration space" "random ports survived"
expect "a disk's registers at random, and queues that its commands overwrite" "queues survived"
[ "${IOMMU:-vtd}" = amdvi ] || # whose event log QEMU never writes
	expect "its DMA is blocked where nothing is mapped" "fault: device 00:07.0 (read|write) iova 0x[0-9a-f]+"
expect "edu at random, its DMA aimed at the host's interrupts" "a random device survived" "^.pause +[0-9]{4}"
expect "page tables at random" "random tables survived"
expect "100,000 exits, one upon the other" "a storm survived" "^irq-window +[0-9]{4}" "^.cpuid +10000" "^#db +[0-9]{4}" "^.ud +10000"
expect "a guest sees 11 CPUID leaves, its name and 58 MSRs: no more than the tables have" "it sees what the tables show"
expect "grants without end: the host keeps its memory" "hoarding survived" "^map +10000" "^FREE +[0-9]{5}"
expect "memory that is not there" "vmctl: nowhere ended: write of gpa 0x70000000"
expect "the VM beside them ends well" "the good one ended well"
check "and has read its disk right, six times" test "$(grep -c "^good| $want" "$log")" = 6
expect "one that loops spins alone until it is killed" "^spin +running"
expect "the devices work again" "^3628800" "^$want" "^[0-9a-f]{64}  /dev/nvme1"
expect "no frame belongs to a VM" "^VM +0$" "^VM +0$"
finish
