# shellcheck shell=sh
# A device that faults more often in a second than faults= allows loses the bus, the host's and a
# VM's; it gets it back when it changes hands, or is permitted again. edu's storm is a slow one.
. tests/lib.sh
edu='-device edu,addr=5,dma_mask=0xffffffff'
# shellcheck disable=SC2046,SC2086
boot storm 'faults=1 script="sh /tests/storm.sh; vmctl create b -s \"sh /tests/storm-b.sh\"; vmctl assign b 00:05.0; vmctl start b; vmctl wait b ready; vmctl status; vmctl permit b 00:05.0; vmctl send b go; vmctl wait b; vmctl status; vmctl destroy b; edu map a to; edu dma write 0x7f000000 && echo edu is back"' \
	$(root_disk) $edu
ended "the host goes on"
expect "the host's device is cut off" "fault: device 00:05.0 write iova 0x7f000000" \
	"device 00:05.0 faults without end: cut off" "^edu is cut off"
expect "a VM's too: the guest is told, and the VMM knows" "device 00:05.0 faults without end: cut off" \
	"^b\| .*fault: device 00:05.0 write .*the VMM has cut the device off" "^b\| edu is cut off" "00:05.0 \(cut off, attached\)"
expect "permitted again, it works" "^b\| ready" "^b\| edu is back" "00:05.0 \(permit, attached\)"
expect "back on the host, it works" "^0x[0-9a-f]+$" "^edu is back"
# shellcheck disable=SC2046,SC2086
boot storm-none 'script="sh /tests/storm.sh; edu fact 5"' $(root_disk) $edu
reject "some faults a second are no storm" "cut off"
expect "and the device goes on" "^120$"
finish
