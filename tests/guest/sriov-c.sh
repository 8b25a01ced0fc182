# shellcheck shell=sh disable=all # for our shell, inside the machine
lspci
dd if=/dev/nvme0 bs=4k count=128 skip=256 | sha256sum
echo ready
dd if=/dev/console of=/dev/null bs=16 count=1
dd if=/dev/nvme0 of=/dev/nvme0 bs=4k count=128 skip=256 seek=768
echo written
dd if=/dev/console of=/dev/null bs=16 count=1
dd if=/dev/nvme0 bs=4k count=128 skip=768 | sha256sum
