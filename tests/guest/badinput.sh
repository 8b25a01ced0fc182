# shellcheck shell=sh disable=all # for our shell, inside the machine
# What a user may get wrong with vmctl: one clear line each, non-zero status, nothing left behind.
vmctl || echo "status $?"
vmctl frobnicate || echo "status $?"
vmctl start nobody || echo "status $?"
vmctl create a -m 7 || echo "status $?"
vmctl create a -m 99999 || echo "status $?"
vmctl create a -c 9 || echo "status $?"
vmctl create averyveryverylongname || echo "status $?"
vmctl create a -k /bin/ls || echo "status $?"
vmctl create a -k /tests/leak.sh || echo "status $?"
vmctl create a -k /boot/none || echo "status $?"
vmctl create a -r /none || echo "status $?"
vmctl create a -m 16 -r /boot/big.img || echo "status $?"
vmctl create a -m 16
vmctl create a || echo "status $?"
vmctl assign a 00:03.0 || echo "status $?"
vmctl assign a 00:99.0 || echo "status $?"
vmctl assign a 00:1e.0 || echo "status $?"
vmctl assign a 00:00.0 || echo "status $?"
vmctl assign a 00:05.0 -p maybe || echo "status $?"
vmctl assign a 00:05.0
vmctl create b -m 16
vmctl assign b 00:05.0 || echo "status $?"
vmctl release b 00:05.0 || echo "status $?"
vmctl wait a || echo "status $?"
vmctl maps a 0xfffffffff || echo "status $?"
vmctl destroy a
vmctl destroy b
vmctl destroy b || echo "status $?"
cat /proc/mem | grep VM
