# shellcheck shell=sh disable=all # for our shell, inside the machine
# What a VM costs, for tools/bench.sh: from create to its first command, at work, and when it idles.
bench busy
vmctl create v -s 'echo begun; sleep 1; bench work; echo waiting; dd if=/dev/console of=/dev/null bs=16 count=1'
vmctl start v
vmctl wait v begun
bench busy
vmctl wait v waiting
sleep 1
vmctl stats v
sleep 10
vmctl stats v
vmctl send v go
vmctl wait v
bench work
