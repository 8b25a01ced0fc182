#!/bin/sh
# Runs the machine on this terminal: make qemu. Ctrl-A X ends it.
set -eu
cd "$(dirname "$0")/.."
OUT=${B:-build}/qemu
. tests/lib.sh
BOOT=${BOOT:-iso}
loader_for qemu "${APPEND:-}"
[ "$BOOT" != kernel ] || set -- -append "${APPEND:-}"
# shellcheck disable=SC2046,SC2086
exec "$QEMU" -M q35 -accel "${ACCEL:-tcg}" -cpu "${CPU:-max}" -m "${MEM:-512}" -smp "${CPUS:-2}" \
	-nodefaults -vga std -display "${DISPLAY_QEMU:-none}" -serial mon:stdio -no-reboot \
	-device isa-debug-exit,iobase=0xf4,iosize=4 $(iommu) $loader "$@" \
	$(disk "$B/fs.img" 3) $(disk "$B/data.img" 4) -device edu,addr=5 ${QEMUEXTRA:-}
