# shellcheck shell=sh disable=all # for our shell, inside the machine
# One disk shared out: VMs that work at once, each with a function of its own. Run on the host by
# tests/cases/sriov.sh.
lspci
vmctl create a -s 'sh /tests/sriov-a.sh'
vmctl create b -s 'sh /tests/sriov-b.sh'
vmctl create c -s 'sh /tests/sriov-c.sh'
vmctl assign a 00:04.1
vmctl assign b 00:04.2
vmctl assign c 00:04.3
vmctl assign c 00:04.2
vmctl assign c 00:04.0
lspci
vmctl start a
vmctl start b
vmctl start c
vmctl wait a ready
vmctl wait b ready
vmctl wait c ready
echo == all at once
vmctl send a go
vmctl send b go
vmctl send c go
vmctl wait a written
vmctl wait b written
vmctl wait c written
echo == deny one
vmctl deny b 00:04.2
vmctl maps b
vmctl send b go
vmctl wait b && echo b well
vmctl destroy b
echo == another has it
sha256sum /dev/nvme2
vmctl create d -s 'sha256sum /dev/nvme0'
vmctl assign d 00:04.2
vmctl start d
vmctl wait d && echo d well
echo == the others go on
vmctl send a go
vmctl send c go
vmctl wait a && echo a well
vmctl wait c && echo c well
vmctl destroy c
echo == one that does not ask
vmctl create e -a mode=direct -s 'sha256sum /dev/nvme0 || echo no disk'
vmctl assign e 00:04.3
vmctl start e
vmctl wait e
vmctl destroy a
vmctl destroy d
vmctl destroy e
lspci
sha256sum /dev/nvme1
