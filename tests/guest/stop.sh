# shellcheck shell=sh disable=all # for our shell, inside the machine
# Power buttons of guests: run on the host by tests/cases/stop.sh.
vmctl create good -r '' -a root=nvme0
vmctl stop good || echo status $?
vmctl assign good 00:04.0
vmctl start good
vmctl wait good welcome
vmctl send good "echo a note of the guest >/note; echo it is no'ted'"
vmctl wait good 'it is noted'
vmctl stop good && echo good is off
vmctl stop good && echo good stays off
vmctl status good
vmctl create deaf -m 16 -k /tests/hostile-2 -r ''
vmctl start deaf
vmctl stop deaf || echo status $?
vmctl kill deaf
vmctl create mule -m 16 -k /tests/hostile-20 -r ''
vmctl start mule
sleep 1
vmctl stop mule || echo status $?
vmctl kill mule
