# shellcheck shell=sh
# A million random hypercalls; a million rounds of random ports, MSRs, CPUID leaves and registers of
# configuration space; devices, page tables and exit storms for longer than the quick case has them:
# two at once, beside a VM that reads its disk 90 times.
. tests/lib.sh
LIMIT=7200
disk=$OUT/slow-hostile.img
random_disk "$disk" 4
random_disk "$disk.bad" 1
want=$(sha "$disk")
for IOMMU in vtd amdvi; do
	for CPUS in 2 4; do
		me="$IOMMU, $CPUS CPUs"
		# shellcheck disable=SC2046
		boot "slow-hostile-$IOMMU-$CPUS" 'script="sh /tests/hostile-slow.sh"' $(root_disk) $(disk "$disk" 4) \
			$(disk "$disk.bad" 7) -device edu,addr=5,dma_mask=0xffffffff -device edu,addr=6
		ended "$me: the host lives"
		expect "$me: a million calls" "random calls survived" "^.vmcall +100000[0-9]"
		expect "$me: a million rounds of all else" "random ports survived" "^.io +[0-9]{7}" "^.rdmsr +[0-9]{6}"
		expect "$me: devices" "queues survived" "a random device survived"
		expect "$me: page tables, and a storm" "random tables survived" "a storm survived" "^.cpuid +200000"
		expect "$me: the one beside them ends well" "the good one ended well"
		check "$me: and has read its disk right, 90 times" test "$(grep -c "^good| $want" "$log")" = 90
		expect "$me: the devices work again" "^3628800" "^$want" "^[0-9a-f]{64}  /dev/nvme1"
		expect "$me: no frame belongs to a VM" "^VM +0$" "^VM +0$"
	done
done
finish
