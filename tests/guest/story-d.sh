# shellcheck shell=sh disable=all # for our shell, inside the machine
# In VM d: the first read is permitted, the second is not.
dd if=/dev/nvme0 of=/dev/null bs=64k count=1 && echo the first read went well
echo ready
dd if=/dev/console of=/dev/null bs=16 count=1
dd if=/dev/nvme0 of=/dev/null bs=64k count=1 || echo the second read failed
