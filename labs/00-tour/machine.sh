#!/bin/sh
# The student's machine of lab 0 on this terminal: machine.sh [-g]. Ctrl-A X ends it, Ctrl-A C
# leads to QEMU's monitor and back. What its devices do is in build/tour/trace. With -g it waits for
# gdb.
set -eu
cd "$(dirname "$0")/../.."
OUT=${B:-build}/tour
. labs/00-tour/devices.sh
loader_for tour ''
if [ "${1:-}" = -g ]; then
	rm -f "$OUT/gdb.sock"
	set -- -chardev "socket,path=$OUT/gdb.sock,server=on,wait=off,id=gdb" -gdb chardev:gdb -S
	echo "In another terminal: gdb $KERNEL -ex 'target remote $OUT/gdb.sock'"
fi
for t in $traces "vtd_dmar_*"; do set -- "$@" -trace "$t"; done
echo "block $block of the disk; an address that leads nowhere: $nowhere"
# shellcheck disable=SC2046,SC2086,SC2154
exec "$QEMU" -M q35 -accel tcg -cpu max -m "${MEM:-512}" -smp "$CPUS" -nodefaults -vga none -display none \
	-serial mon:stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 -D "$OUT/trace" \
	$(iommu) $loader -append "root=module" $(tour_devices) "$@"
