# shellcheck shell=sh
# A guest's interrupts come once, and only while it lets them. QEMU with one thread for all CPUs
# makes each leave its loop all the time, which brings out what was injected in the wrong way.
. tests/lib.sh
disk=$OUT/injection.img
random_disk "$disk" 8
want=$(sha "$disk")
# shellcheck disable=SC2046
ACCEL=tcg,thread=single CPUS=4 boot injection \
	'script="vmctl create a -s \"sha256sum /dev/nvme0; sha256sum /dev/nvme0; sha256sum /dev/nvme0\"; vmctl assign a 00:04.0; vmctl start a; vmctl wait a"' \
	$(root_disk) $(disk "$disk" 4)
ended "a guest with interrupts without end, on four CPUs in one thread"
check "it reads its disk right, three times" test "$(grep -c "^a| $want" "$log")" = 3
finish
