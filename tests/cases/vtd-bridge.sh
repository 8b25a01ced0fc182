# shellcheck shell=sh
# Devices behind bridges: found, driven, confined, and given to a VM; QEMU's bridges put their own
# requester id on what comes from a PCI bus.
. tests/lib.sh
disk=$OUT/vtd-bridge.img
random_disk "$disk" 4
want=$(sha "$disk")
try='edu test; vmctl create b -s \"lspci; edu test\"; vmctl assign b $edu && vmctl start b && vmctl wait b; vmctl destroy b; edu fact 5'
# behind NAME RID ALIAS QEMU-ARGUMENT...: edu there keeps the contract, on the host and in a guest
behind() {
	where=$1 edu=$2 alias=$3
	shift 3
	# shellcheck disable=SC2046
	boot "$where" 'script="'"$(echo "$try" | sed "s/\$edu/$edu/")"'"' $(root_disk) "$@"
	ended "$where: the machine ends well"
	check "$where: the contract on the host" test "$(grep -c '^ok' "$log")" = 12
	check "$where: the contract in a guest" test "$(grep -c '^b| ok' "$log")" = 12
	expect "$where: its faults come as the bridge's, and the guest knows them as edu's" \
		"^\[.*fault: device $alias write" "^b\| 00:1f.0 1234:11e8" "^b\| .*fault: device 00:1f.0 write"
	expect "$where: and back to the host" "edu $edu: edu0" "^120$"
}
behind bridge-pcie 02:01.0 02:00.0 -device pcie-root-port,id=rp,addr=7,chassis=1 \
	-device pcie-pci-bridge,id=pb,bus=rp -device edu,bus=pb,addr=1,dma_mask=0xffffffff
behind bridge-pci 01:02.0 00:07.0 -device i82801b11-bridge,id=pb,addr=7 \
	-device edu,bus=pb,addr=2,dma_mask=0xffffffff
behind bridge-two 02:03.0 00:07.0 -device i82801b11-bridge,id=pa,addr=7 \
	-device pci-bridge,id=pb,bus=pa,addr=1,chassis_nr=2 -device edu,bus=pb,addr=3,dma_mask=0xffffffff

# shellcheck disable=SC2046
boot bridge-nvme 'script="sha256sum /dev/nvme1; vmctl create a -s \"sha256sum /dev/nvme0\"; vmctl assign a 01:00.0 && vmctl start a && vmctl wait a"' \
	$(root_disk) -device pcie-root-port,id=rp,addr=7,chassis=1 \
	-drive if=none,id=behind,file="$disk",format=raw -device nvme,drive=behind,serial=behind,bus=rp
ended "nvme behind a root port: the machine ends well"
expect "the host reads it, and so does a guest" "^$want" "^a\| $want"
reject "and nothing is blocked" "iommu: fault"

# Two behind one bridge, told apart by nobody: they share a domain, and stay on the host. QEMU's
# AMD-Vi (7.2) takes all DMA from behind a bridge for 00:00.0's, since it asks for the bus before
# there is a number: it is blocked, but interrupts arrive.
for IOMMU in vtd amdvi; do
	# shellcheck disable=SC2046
	boot "bridge-twins-$IOMMU" 'script="edu test & edu -d /dev/edu1 test; wait; cat /proc/iommu; vmctl create a; vmctl assign a 02:01.0; vmctl assign a 02:02.0"' \
		$(root_disk) -device pcie-root-port,id=rp,addr=7,chassis=1 -device pcie-pci-bridge,id=pb,bus=rp \
		-device edu,bus=pb,addr=1,dma_mask=0xffffffff -device edu,bus=pb,addr=2,dma_mask=0xffffffff
	case $IOMMU in
	vtd) check "twins, vtd: both keep the contract at once" test "$(grep -c '^ok' "$log")" = 24 ;;
	*) check "twins, amdvi: both live" test "$(grep -c '^ok 12 - the device lives on' "$log")" = 2 ;;
	esac
	expect "twins, $IOMMU: in one domain; and neither can be given away" "^[0-9]+ +$IOMMU +02:01.0\+ " \
		"vmctl: 02:01.0: other devices behind its bridge" "vmctl: 02:02.0: other devices behind its bridge"
	[ $IOMMU = amdvi ] || expect "twins, vtd: faults are the domain's" "fault: device 02:00.0" "^[0-9]+ +vtd +02:01.0\+ .* [1-9][0-9]* +[0-9]+$"
done
finish
