# shellcheck shell=sh
# Lab 2. Handout: 0/50
. labs/lib.sh
# Four bytes of the student's, each 16 times over what a place holds.
byte=$((129 + $(seed_number byte 100)))
p=$(printf %02x $byte) q=$(printf %02x $((byte + 1))) r=$(printf %02x $((byte + 2))) s=$(printf %02x $((byte + 3)))
traces='memory_region_ops_*'
ram=$OUT/lab2.ram

# machine NAME MIB SCRIPT: the guest's memory is the file $ram. Its edu reaches 28 bits.
# shellcheck disable=SC2046
machine() {
	rm -f "$ram"
	IOMMU=none MEM=$2 run "$1" "root=module script=\"$3\"" $(root_module) -device "edu,addr=0x$edu_slot" \
		-object "memory-backend-file,id=ram,size=$2M,mem-path=$ram,share=on" -machine memory-backend=ram
}
# The addresses of memory that edu was given, one DMA after the other, from QEMU's trace.
addresses() {
	sed -nE "s/^memory_region_ops_write .*addr 0x[0-9a-f]+(8[08]|98) value (0x[0-9a-f]+) size . name 'edu-mmio'/\1 \2/p" "$trace" |
		awk '{ at[$1] = $2 } $1 == 98 { print $2 ~ /[2367abef]$/ ? at[88] : at[80] }'
}
# holds N BYTE: there, for the Nth DMA, is 16 times the byte in memory. Or it is not below 256 MiB.
holds() {
	at=$(addresses | sed -n "$1p")
	case $at in
	0x? | 0x?? | 0x??? | 0x???? | 0x????? | 0x?????? | 0x???????) ;;
	*) return 1 ;;
	esac
	[ "$(tail -c +$((at + 1)) "$ram" | head -c 16 | od -An -v -tx1 | tr -d ' \n')" = "$(sixteen "$2")" ]
}
sixteen() {
	echo "$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1"
}
# high WHERE BYTE N: above 256 MiB, at WHERE in N pages, is 16 times the byte.
high() {
	[ "$(tail -c +$(((256 << 20) + 1)) "$ram" | od -A x -tx1 | grep -cE "$1( $2){16}\$")" = "$3" ]
}

begin place 5
log=$OUT/dma_test.log
timeout "$LIMIT" make -s "$B/host/dma_test" >"$log" 2>&1 && timeout "$LIMIT" env -u SEED "$B/host/dma_test" >>"$log" 2>&1
need '^ok [0-9]+ - dma: a piece has its physical address' '^ok [0-9]+ - dma: two pieces' '^ok [0-9]+ - dma: a pointer into the image' \
	'^ok [0-9]+ - dma: `base`' '^ok [0-9]+ - dma: nothing is no piece'

begin reach 5
need '^ok [0-9]+ - dma: a device of 28 bits'

begin limits 10
need '^ok [0-9]+ - dma: a segment is not longer' '^ok [0-9]+ - dma: a segment does not cross' '^ok [0-9]+ - dma: what is not aligned' \
	'^ok [0-9]+ - dma: no more segments' '^ok [0-9]+ - dma: 2000 random pieces'

begin direct 5
machine lab2-low 128 "edu fill a 0x$p; edu dma read \$(edu map a to); edu unmap a; edu fill b 0; edu dma write \$(edu map b from); edu peek b; edu unmap b; cat /proc/dma"
need "^$(sixteen "$p")\$" "^00:$edu_slot.0 +direct +0 +2 +0 +0 "
never 'EDU: clamping'
that "edu should read 16 bytes 0x$p at the physical address of place a (which it was told: $(addresses | sed -n 1p))" holds 1 "$p"
that "edu should write 16 bytes 0x$p at the physical address of place b (which it was told: $(addresses | sed -n 2p))" holds 2 "$p"

begin to-device 5
machine lab2-high 288 "edu fill a 0x$p; edu dma read \$(edu map a to); edu unmap a; edu fill b 0x$q; edu dma write \$(edu map b from); edu peek b; edu unmap b; edu peek b; edu fill c 0x$r; edu fill d 0x$s; edu map c from; edu unmap c; edu dma write \$(edu map d to); edu unmap d; edu peek d; cat /proc/dma"
never 'EDU: clamping'
that "edu should find 16 bytes 0x$p below 256 MiB, in a bounce buffer (it was sent to: $(addresses | sed -n 1p))" holds 1 "$p"

begin from-device 5
need "^$(sixteen "$q")\$" "^$(sixteen "$p")\$"
that "edu should write 16 bytes 0x$p below 256 MiB (it was sent to: $(addresses | sed -n 2p))" holds 2 "$p"
that "places a and b should hold 16 bytes 0x$p in the end: what edu wrote belongs into b" high 000 "$p" 2

begin direction 5
that "edu should write below 256 MiB for the third time" holds 3 "$p"
that "place d, mapped to the device, should hold 16 bytes 0x$s in the end: what edu wrote does not belong there" high 800 "$s" 1

begin rest 5
need '^00:.* direct +0 +4 +0 +18432 '
that "place c, mapped from a device that then wrote nothing, should hold 16 bytes 0x$r in the end" high 000 "$r" 1

begin answers 5
answers labs/02-dma
rm -f "$ram"
score
