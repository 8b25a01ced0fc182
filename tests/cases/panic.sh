# shellcheck shell=sh
# A panic shows registers and who called whom, by name. The exception is an NMI from outside.
. tests/lib.sh
log=$OUT/panic.log
rm -f "$log"
# shellcheck disable=SC2046
(
	for _ in $(seq "${LIMIT}0"); do
		grep -qs welcome "$log" && break
		sleep 0.1
	done
	echo nmi
	sleep 1
) | timeout -k 5 "$LIMIT" "$QEMU" -M q35 -cpu max -m 256 -smp 2 -nodefaults -vga none -display none -monitor stdio \
	-serial file:"$log" -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 \
	-append nmi=panic -kernel "$B/halcyon.elf" -initrd "$B/guest.img" >/dev/null 2>&1
code=$?
expect "registers" "\[.*rip ffffffff80[0-9a-f]+ [a-z_]+\+0x" "rax [0-9a-f]{16} rbx" "cr2 [0-9a-f]{16} cr3"
expect "callers by name" "ffffffff80[0-9a-f]+ [a-z_]+\+0x" "panic: NMI" "ffffffff80[0-9a-f]+ trap\+0x"
check "and the machine ends with status 126" test "$code" = 253
finish
