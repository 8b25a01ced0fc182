# shellcheck shell=sh
# Reading and writing a disk, in each mode and with each number of CPUs; the truth is in the file.
. tests/lib.sh
disk=$OUT/nvme.img
random_disk "$disk" 8
want=$(sha "$disk")
for mode in direct iommu; do
	for CPUS in 1 2 4; do
		# shellcheck disable=SC2046
		boot "nvme-$mode-$CPUS" "mode=$mode"' script="sha256sum /dev/nvme1 & sha256sum /dev/nvme1; wait"' \
			$(root_disk) $(disk "$disk" 4)
		check "$mode, $CPUS CPUs: two readers at once get the right bytes" test "$(grep -c "^$want" "$log")" = 2
		reject "$mode, $CPUS CPUs: no fault" "iommu: fault"
	done
done
CPUS=2
cp "$disk" "$disk.want"
dd if="$disk" of="$disk.want" bs=4096 count=100 seek=1000 conv=notrunc 2>/dev/null
# shellcheck disable=SC2046
boot nvme-write 'script="dd if=/dev/nvme1 of=/dev/nvme1 bs=4096 count=100 seek=1000; dd if=/dev/nvme1 of=/dev/null bs=1000 count=3 skip=5; dd if=/bin/ls of=/dev/nvme1 bs=100 count=1"' \
	$(root_disk) $(disk "$disk" 4)
check "what was written is in the file" cmp "$disk" "$disk.want"
expect "reads need not be whole blocks, writes must" "409600 bytes" "3000 bytes" "invalid argument"
# shellcheck disable=SC2046
boot nvme-mounted 'script="dd if=/dev/nvme0 of=/dev/nvme0 bs=4096 count=1"' $(root_disk)
expect "the mounted disk is not written to" "in use"
finish
