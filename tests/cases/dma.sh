# shellcheck shell=sh
# The DMA contract, told by edu: on the host through the IOMMU, and in a guest through the VMM.
. tests/lib.sh
# shellcheck disable=SC2046
boot dma 'script="edu test && vmctl create b -s \"edu test\" && vmctl assign b 00:05.0 && vmctl start b && vmctl wait b"' \
	$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
ended "both contract tests pass"
grep -E '^(b\| )?(ok|not ok)' "$log" | while read -r line; do echo "# $line"; done
for who in '' 'b\| '; do
	for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
		expect "${who:+guest: }contract $n" "^${who}ok $n -"
	done
done
# QEMU's AMD-Vi (7.2) never logs.
[ "${IOMMU:-vtd}" != vtd ] ||
	expect "a fault is logged on the host, and reaches the guest that owns the device" \
		"^b\| ok 1 " "^\[.*fault: device 00:05.0 write iova 0x[0-9a-f]+: reason 5 \(write not permitted\)" \
		"^b\| .*fault: device 00:05.0 write iova 0x[0-9a-f]+: reason 5"
# Without an IOMMU the HAL uses physical addresses, and edu reaches 28 bits of them.
IOMMU=none
# shellcheck disable=SC2046
MEM=128 boot dma-direct 'script="edu fact 5; edu map a to; vmctl create b; vmctl assign b 00:05.0"' \
	$(root_disk) -device edu,addr=5
expect "no IOMMU: mode direct" "dma: mode direct" "^120$" "^0x[0-9a-f]+$"
expect "no IOMMU: assigning is refused with the reason" "vmctl: 00:05.0: this machine has no IOMMU"
# shellcheck disable=SC2046
MEM=512 boot dma-bounce 'strategy=00:05.0:bounce script="edu fill a 0x5a; edu dma read $(edu map a to); edu unmap a; edu fill a 0; edu dma write $(edu map a from); edu peek a; edu unmap a; edu peek a; cat /proc/dma"' \
	$(root_disk) -device edu,addr=5
expect "bounce: what the device wrote is in the buffer after unmap, not before; 12 KiB copied" "^0{32}" "^(5a){16}" "00:05.0 +bounce +0 +2 +0 +12288"
finish
