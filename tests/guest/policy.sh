# shellcheck shell=sh disable=all # for our shell, inside the machine
# Policy: run on the host by tests/cases/policy.sh.
echo == start
vmctl create p -s 'cat /dev/nvme0 || echo no disk'
vmctl assign p 00:04.0 -p deny
vmctl start p
vmctl wait p
vmctl destroy p
echo == run
vmctl create q -s 'sh /tests/policy-q.sh'
vmctl assign q 00:04.0
vmctl start q
vmctl wait q ready
vmctl deny q 00:04.0
vmctl send q go
vmctl wait q
vmctl stats q
vmctl destroy q
echo == quota
vmctl create r -s 'cat /dev/nvme0 || echo no disk'
vmctl assign r 00:04.0 -q 2
vmctl start r
vmctl wait r
vmctl destroy r
echo == edu
vmctl create s -s 'echo ready; dd if=/dev/console of=/dev/null bs=16 count=1; edu map a from; echo goes on'
vmctl assign s 00:05.0
vmctl start s
vmctl wait s ready
vmctl deny s 00:05.0
vmctl send s go
vmctl wait s && echo s ended well
vmctl destroy s
echo == rate
vmctl create t -s 'dd if=/dev/nvme0 of=/dev/null bs=512 count=2048; sleep 1.5; dd if=/dev/nvme0 of=/dev/null bs=512 count=1 && echo again ok'
vmctl assign t 00:04.0 -r many || echo status $?
vmctl assign t 00:04.0 -r 100
vmctl status t
vmctl start t
vmctl wait t
vmctl destroy t
