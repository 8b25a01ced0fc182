# shellcheck shell=sh
# Guests that triple-fault, loop, make random calls, or touch what is not there.
. tests/lib.sh
disk=$OUT/hostile.img
random_disk "$disk" 4
want=$(sha "$disk")
# shellcheck disable=SC2046
MEM=256 boot hostile 'script="sh /tests/hostile.sh"' $(root_disk) $(disk "$disk" 4) -device edu,addr=5 -device edu,addr=6
ended "the host lives through all of them"
expect "a triple fault ends that VM" "vm triple: triple fault" "vmctl: triple ended: triple fault"
expect "50,000 random hypercalls end with an answer each" "random calls survived"
expect "most are refused, some are not" "HYPERCALL" "attach +[0-9]+" "unmap +[0-9]+"
expect "20,000 random ports, MSRs and CPUID leaves" "random ports survived"
expect "grants without end: the host keeps its memory" "hoarding survived" "^map +10000" "^FREE +[0-9]{5}"
expect "memory that is not there" "vmctl: nowhere ended: write of gpa 0x70000000"
expect "the VM beside them reads its disk right" "^good\| $want" "the good one ended well"
expect "one that loops spins alone until it is killed" "^spin +running"
expect "the devices work again" "^3628800" "^$want"
expect "no frame belongs to a VM" "^VM +0$" "^VM +0$"
finish
