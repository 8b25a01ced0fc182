# shellcheck shell=sh
# Wrong use of vmctl, and 200 VMs: clear lines, and no frame lost.
. tests/lib.sh
disk=$OUT/vmctl.img
random_disk "$disk" 1
# shellcheck disable=SC2046
boot badinput 'script="sh /tests/badinput.sh"' $(root_disk) $(disk "$disk" 4) -device edu,addr=5
expect "each mistake is one line" "usage" "status 2" "usage" "status 2" \
	"vmctl: nobody: no such VM" "status 1" "vmctl: memory: 16 to" "status 1" "vmctl: memory: 16 to" \
	"vmctl: a VM has 1 to 8 CPUs" "status 1" \
	"vmctl: a name has" "status 1" "vmctl: the kernel has no multiboot2 header" "status 1" \
	"vmctl: not an ELF file" "status 1" "vmctl: no such kernel" "status 1" \
	"vmctl: no such root file system" "status 1" "vmctl: .*no such root" "status 1" \
	"vmctl: a: exists already" "status 1" "vmctl: 00:03.0: the host uses it" "status 1" \
	"vmctl: not a device address" "status 1" "vmctl: 00:1e.0: no such device" "status 1" \
	"vmctl: 00:00.0: a bridge" "status 1" "vmctl: maybe: the policy is" "status 1" \
	"vmctl: 00:05.0: it is assigned already" "status 1" "vmctl: b has no device" "status 1" \
	"vmctl: a has not been started" "status 1" "vmctl: a has no memory at" "status 1" \
	"vmctl: b: no such VM" "status 1" "^VM +0$"
ended "and the host goes on"
# shellcheck disable=SC2046
boot leak 'script="sh /tests/leak.sh"' $(root_disk) -device edu,addr=5
ended "220 VMs made and destroyed"
check "not a frame is lost" awk '/^[A-Z]+ +[0-9]+$/ { if ($1 in was) { n++; if (was[$1] != $2) bad++ } else was[$1] = $2 } END { exit !(n >= 8 && !bad) }' "$log"
expect "none belongs to a VM" "^VM +0$" "^VM +0$"
# The memory map changes only while the other CPUs are held (hal/pciconf.h): twice for each reset.
# shellcheck disable=SC2046
CPUS=4 boot hold 'script="vmctl create v -m 16; vmctl assign v 00:04.0; vmctl release v 00:04.0; cat /proc/interrupts"' $(root_disk) $(disk "$disk" 4)
expect "a device's reset holds the three other CPUs, twice" "^0xe2 +([6-9]|1[0-9]) +hold"
finish
