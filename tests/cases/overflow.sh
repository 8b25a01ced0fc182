# shellcheck shell=sh
# Faults faster than they are read. QEMU's VT-d has one record: the second of two devices that fault in the
# same instant finds it taken, which must not be the end of all reports. -icount makes the instant.
. tests/lib.sh
both='edu dma write 0x7f000000 & edu -d /dev/edu1 dma write 0x7f001000; wait'
# shellcheck disable=SC2046
CPUS=1 IOMMU=vtd boot overflow "root=module script=\"$both; $both; $both; $both; edu dma write 0x7e000000; edu -d /dev/edu1 dma write 0x7e001000\"" \
	-initrd "$B/fs.img" -icount shift=0,sleep=on -device edu,addr=5,dma_mask=0xffffffff -device edu,addr=6,dma_mask=0xffffffff
ended "the machine ends well"
check "QEMU's unit had no record free" grep -q "set PFO" "$log.err"
expect "the faults that come later are reported" "fault: device 00:05.0 write iova 0x7f000000" \
	"fault: device 00:05.0 write iova 0x7e000000" "fault: device 00:06.0 write iova 0x7e001000"
finish
