# shellcheck shell=sh disable=all # for our shell, inside the machine
# In a guest with several CPUs: two devices do DMA for several processes at once; then system calls
# and files, on a disk of its own.
sha256sum /dev/nvme0 &
sha256sum /dev/nvme0 &
sha256sum /dev/nvme0 &
edu test
wait
usertests
cat /proc/cpus
