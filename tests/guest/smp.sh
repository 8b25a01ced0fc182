# shellcheck shell=sh disable=all # for our shell, inside the machine
# Guests with 1, 2, 4 and 8 CPUs, whose root is a disk of their own: run on the host by
# tests/cases/vmsmp.sh.
sha256sum /boot/halcyon.elf /boot/guest.img
vmctl create n8 -c 8 -r '' -a root=nvme0 -s 'sh /tests/smp-guest.sh'
vmctl assign n8 00:04.0
vmctl assign n8 00:05.0
vmctl start n8
vmctl wait n8 && echo n8 ended well
vmctl destroy n8
cat /proc/mem
vmctl create n1 -r '' -a root=nvme0 -s 'sh /tests/smp-guest.sh'
vmctl assign n1 00:04.0
vmctl assign n1 00:05.0
vmctl start n1
vmctl wait n1 && echo n1 ended well
vmctl destroy n1
vmctl create n2 -c 2 -r '' -a root=nvme0 -s 'sh /tests/smp-guest.sh'
vmctl assign n2 00:04.0
vmctl assign n2 00:05.0
vmctl start n2
vmctl wait n2 && echo n2 ended well
vmctl destroy n2
vmctl create n4 -c 4 -r '' -a root=nvme0 -s 'sh /tests/smp-guest.sh'
vmctl assign n4 00:04.0
vmctl assign n4 00:05.0
vmctl start n4
vmctl wait n4 && echo n4 ended well
vmctl stats n4
vmctl destroy n4
echo == two with two, at once
vmctl create a -c 2 -r '' -a root=nvme0 -s 'usertests; cat /proc/cpus'
vmctl assign a 00:04.0
vmctl create b -c 2 -s 'edu test; sha256sum /bin/sh; edu test'
vmctl assign b 00:05.0
vmctl start a
vmctl start b
vmctl wait a && echo a ended well
vmctl wait b && echo b ended well
vmctl destroy a
vmctl destroy b
echo == destroyed while all run
vmctl create k -c 8 -r '' -a root=nvme0 -s 'echo begun; usertests -s; sleep 600'
vmctl assign k 00:04.0
vmctl assign k 00:05.0
vmctl start k
vmctl wait k begun
vmctl kill k
vmctl status k
vmctl destroy k
vmctl create k -c 8 -r '' -a root=nvme0 -s 'echo begun; usertests -s; sleep 600'
vmctl assign k 00:04.0
vmctl start k
vmctl wait k 'ok 20'
vmctl destroy k
cat /proc/mem
