# shellcheck shell=sh
# What the DMAR table may say: memory that the firmware keeps for a device (RMRR), units that are
# not there, and nonsense. QEMU's own table is replaced by one made here.
. tests/lib.sh
le() { # le BYTES NUMBER...: little-endian
	n=$1
	shift
	for v; do
		i=0
		while [ $i -lt "$n" ]; do
			# shellcheck disable=SC2059
			printf "\\$(printf %03o $((v >> (8 * i) & 255)))"
			i=$((i + 1))
		done
	done
}
# The parts of a table: header, a unit for all devices, memory kept for edu at 00:05.0.
head_() { le 1 38 1 0 0 0 0 0 0 0 0 0 0; }
unit_() { # unit_ BASE
	le 2 0 24 && le 1 1 0 0 0 && le 8 "$1" && le 1 3 8 0 0 0 255 0 0
}
kept() { # kept FIRST LAST
	le 2 1 32 0 0 && le 8 "$1" "$2" && le 1 1 8 0 0 0 0 5 0
}
tables() { # tables NAME SCRIPT [QEMU ARGUMENT...]: boots with the table in NAME.dmar
	name=$1 script=$2
	shift 2
	trace=$OUT/$name.trace
	rm -f "$trace"
	# shellcheck disable=SC2046
	boot "$name" "$script" -acpitable "sig=DMAR,rev=1,data=$OUT/$name.dmar" $(root_disk) \
		-device edu,addr=5,dma_mask=0xffffffff -device edu,addr=6,dma_mask=0xffffffff \
		-D "$trace" -trace vtd_iotlb_page_update -trace vtd_dmar_fault "$@"
}
# 1 GiB and 2 MiB and a page, where this machine has nothing; and 1 MiB of its RAM.
{
	head_ && unit_ 0xfed90000
	kept 0x40000000 0x7fffffff
	kept 0x30000000 0x30200fff
	kept 0x100000 0x1fffff
} >"$OUT/rmrr.dmar"
tables rmrr 'script="edu test; edu map a to; edu map b from; edu dma write 0x40001230; edu dma write 0x30001230; edu dma write 0x30200230; echo kept; edu dma write 0x30201230; edu dma write 0x100230; vmctl create b; vmctl assign b 00:05.0; vmctl assign b 00:06.0; lspci"'
ended "regions: the machine ends well"
check "the contract holds beside them" test "$(grep -c '^ok' "$log")" = 12
reject "no address in them is given out" "^0x1[0-9a-f]{5}$"
expect "others are" "^0x[0-9a-f]+$" "^0x[0-9a-f]+$"
check "the device reaches them, and nothing behind them" test "$(sed -n '/^0x/,/^kept/p' "$log" | grep -c 'iommu: fault')" = 0
expect "or in RAM, which is no firmware's" "reserved region 0x100000 lies in RAM: not mapped" "^kept" \
	"fault: device 00:05.0 write iova 0x30201000" "fault: device 00:05.0 write iova 0x100000"
# The entry that QEMU found: bit 7 says that it maps 1 GiB or 2 MiB.
leaf() {
	grep -qE "^vtd_iotlb_page_update .*sid 0x28 .*(iova|addr) $1 slpte $2 " "$trace"
}
check "1 GiB is one entry" leaf '0x[0-9a-f]+' 0x40000083
check "2 MiB are one entry" leaf 0x30001230 0x30000083
check "a page is one" leaf 0x30200230 0x30200003
expect "such a device stays with the host, another may go" "vmctl: 00:05.0: the firmware keeps memory for it" "^00:05.0 .* edu$" "^00:06.0 .* b$"

# Twins behind one bridge share a domain, and so what is kept for either of them: 1 MiB where the
# second one's addresses would begin. RAM ends below that.
for dev in 1 2; do
	{
		head_ && unit_ 0xfed90000
		le 2 1 36 0 0 && le 8 0x8000000 0x80fffff && le 1 1 12 0 0 0 0 7 0 0 0 $dev 0
	} >"$OUT/rmrr-twin$dev.dmar"
	MEM=64 tables rmrr-twin$dev 'script="edu -d /dev/edu2 map a both; edu -d /dev/edu3 map a both; edu -d /dev/edu2 dma write 0x8000230; edu -d /dev/edu3 dma write 0x8001230; edu -d /dev/edu3 dma write 0x7000000"' \
		-device pcie-root-port,id=rp,addr=7,chassis=1 -device pcie-pci-bridge,id=pb,bus=rp \
		-device edu,bus=pb,addr=1,dma_mask=0xffffffff -device edu,bus=pb,addr=2,dma_mask=0xffffffff
	expect "kept for twin $dev: both get other addresses, and both reach it" "^0x100000" "^0x8100000" "fault: device 02:00.0 write iova 0x7000000"
	check "kept for twin $dev: without a fault" test "$(grep -c 'iommu: fault' "$log")" = 1
done
{ head_ && unit_ 0xfed90000 && kept 0x8000000000 0x80000fffff; } >"$OUT/rmrr-far.dmar"
tables rmrr-far 'script="edu dma write 0x8000001230; edu fact 5"'
expect "a region above 512 GiB: 4 levels" "unit at 0xfed90000: 4 levels" "^120$"
{ head_ && unit_ 0xfed90000 && unit_ 0xfed80000; } >"$OUT/rmrr-absent.dmar"
tables rmrr-absent 'script="edu fact 5"'
expect "one unit of two is not there: none is used" "the unit at 0xfed80000 .*: not used" "dma: mode direct" "^120$"
{ head_ && unit_ 0xfed90000 && le 2 1 32; } >"$OUT/rmrr-damaged.dmar"
tables rmrr-damaged 'script="edu fact 5"'
expect "a table that is cut short is not believed" "DMAR table is malformed" "dma: mode direct" "^120$"
finish
