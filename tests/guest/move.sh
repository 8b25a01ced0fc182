# Pages that move: under NVMe load, pinned ones that stay, and none at all with strategy static.
vmctl create a -s "sha256sum /dev/nvme0; sha256sum /dev/nvme0; sha256sum /dev/nvme0; echo all-read; sleep 600"
vmctl assign a 00:04.0
echo == before the start
vmctl maps a 0x100000
vmctl move a
vmctl maps a 0x100000
vmctl move a 0x100000
vmctl maps a 0x100000
vmctl move a 0xffffffff
vmctl move a 12x
vmctl move a --every 1ms
vmctl start a
echo == pinned
vmctl wait a fs:
vmctl maps a
vmctl wait a all-read
vmctl maps a
vmctl move a --every 0
vmctl stats a
vmctl destroy a
echo == static
vmctl create s -a "strategy=static" -s "sha256sum /dev/nvme0; echo all-read; sleep 600"
vmctl assign s 00:04.0
vmctl move s --every 1ms
vmctl start s
vmctl wait s all-read
sleep 2
vmctl move s
vmctl destroy s
echo == promised
sh /tests/promise.sh
