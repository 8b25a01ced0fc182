# shellcheck shell=sh disable=all # for our shell, inside the machine
# The scene of `make trace`: a VM reads some blocks of a disk that it has been given.
vmctl create a -m 32 -a trace=all -s 'dd if=/dev/nvme0 of=/dev/null bs=4096 count=8'
vmctl assign a 00:04.0
vmctl start a
vmctl wait a
