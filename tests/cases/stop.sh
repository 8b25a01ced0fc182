# shellcheck shell=sh
# Power buttons: vmctl stop presses a guest's, and QEMU's monitor the machine's. Both kernels then write
# what is not on the disk yet, and turn themselves off.
. tests/lib.sh
disk=$OUT/stop.img
cp "$B/fs.img" "$disk"
# shellcheck disable=SC2046
boot stop 'script="sh /tests/stop.sh"' $(root_disk) $(disk "$disk" 4)
expect "not before it runs" "^vmctl: good has not been started" "^status 1"
expect "a guest turns itself off" "^good\| .*power button" "^good is off" "^good stays off" "^good +ended .*powered off$"
check "what it had just written is on its disk" test "$("$B/mkfs" -x "$disk" /note)" = "a note of the guest"
expect "one that did not ask for the button" "^vmctl: deaf does not listen to that: kill it" "^status 1"
expect "one that does nothing about it" "^vmctl: mule has not ended in 10 seconds: kill it" "^status 1"
ended "the host goes on"

cp "$B/fs.img" "$disk"
log=$OUT/stop-host.log
rm -f "$log"
# shellcheck disable=SC2046
(
	for _ in $(seq 600); do
		grep -qs "^a note" "$log" && break
		sleep 0.1
	done
	echo system_powerdown
	sleep 1
) | timeout -k 5 "$LIMIT" "$QEMU" -M q35 -cpu max -m 256 -smp 2 -nodefaults -vga none -display none -monitor stdio \
	-serial file:"$log" -no-reboot $(iommu) $(disk "$disk" 3) -kernel "$B/halcyon.elf" \
	-append 'script="echo a note of the host >/note; cat /note; sleep 1000"' >/dev/null 2>&1
code=$?
expect "the machine turns itself off" "power button"
check "QEMU ends well" test "$code" = 0
check "what the host had just written is on the disk" test "$("$B/mkfs" -x "$disk" /note)" = "a note of the host"
finish
