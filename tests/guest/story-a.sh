# shellcheck shell=sh disable=all # for our shell, inside the machine
# In VM a: read all of the disk, copy its first MiB to offset 2 MiB, read all of it again.
sha256sum /dev/nvme0
echo mapped
dd if=/dev/console of=/dev/null bs=16 count=1
dd if=/dev/nvme0 of=/dev/nvme0 bs=64k count=16 seek=32
sha256sum /dev/nvme0
