# shellcheck shell=sh disable=all # for our shell, inside the machine
# Who has nothing to do does nothing: run on the host by tests/cases/idle.sh.
vmctl create g -c 2
vmctl start g
vmctl wait g welcome
sleep 1
vmctl stats g
cat /proc/interrupts
sleep 5
vmctl stats g
cat /proc/interrupts
vmctl send g "echo it hea'rs'"
vmctl wait g 'it hears'
vmctl send g "sleep 0.3; echo it sle'pt'"
vmctl wait g 'it slept'
vmctl stop g && echo it is off
