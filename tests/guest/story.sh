# shellcheck shell=sh disable=all # for our shell, inside the machine
# The host's part of the demonstration: run by `sh /tests/story.sh`.
echo == 1 the host reads the disk in iommu mode
sha256sum /dev/nvme1
echo == 2 VM a reads and writes the disk, cooperatively
vmctl create a -s 'sh /tests/story-a.sh'
vmctl assign a 00:04.0
vmctl start a
vmctl wait a mapped
vmctl maps a
vmctl send a go
vmctl wait a && echo a ended well
vmctl stats a
vmctl destroy a
echo == 3a the VMM denies
vmctl create d -s 'sh /tests/story-d.sh'
vmctl assign d 00:04.0
vmctl start d
vmctl wait d ready
vmctl deny d 00:04.0
vmctl send d go
vmctl wait d && echo d ended well
vmctl stats d
vmctl destroy d
echo == 3b the HAL does not ask
vmctl create e -a mode=direct -s 'sha256sum /dev/nvme0 || echo e has no disk'
vmctl assign e 00:04.0
vmctl start e
vmctl wait e && echo e ended well
vmctl stats e
vmctl destroy e
echo == 4 two VMs, two devices, one attack
vmctl create a -s 'sha256sum /dev/nvme0; dd if=/dev/console of=/dev/null bs=16 count=1; sha256sum /dev/nvme0'
vmctl assign a 00:04.0
vmctl start a
vmctl wait a /dev/nvme0
hexdump -s 0x110000 -n 4096 /dev/mem | sha256sum
hexdump -s $(vmctl maps a 0x110000) -n 4096 /dev/mem | sha256sum
vmctl create b -s "sh /tests/story-b.sh; edu dma write 0x110000; edu dma write $(vmctl maps a 0x110000); echo b is done"
vmctl assign b 00:05.0
vmctl send a go
vmctl start b
vmctl wait b && echo b ended well
vmctl stats b
vmctl wait a && echo a ended well
hexdump -s 0x110000 -n 4096 /dev/mem | sha256sum
hexdump -s $(vmctl maps a 0x110000) -n 4096 /dev/mem | sha256sum
vmctl destroy a
vmctl destroy b
echo == end
