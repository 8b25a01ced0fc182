# shellcheck shell=sh disable=all # for our shell, inside the machine
# Guests without a device, and their paravirtual disks: run on the host by tests/cases/pvdisk.sh.
dd if=/dev/nvme1 of=/disk bs=64k count=32
dd if=/dev/nvme1 of=/disk2 bs=64k count=8
dd if=/boot/guest.img of=/root.img bs=64k
vmctl create bare -s 'sleep 0.3; ls /dev; lspci; dd if=/dev/console of=/dev/null bs=16 count=1; echo bare was told'
vmctl start bare
vmctl create a -b /disk -s 'sha256sum /dev/pv0; dd if=/dev/pv0 of=/dev/pv0 bs=64k count=4 seek=16; sha256sum /dev/pv0'
vmctl create b -m 32 -c 2 -r '' -b /root.img -a root=pv0 -s 'echo b wrote this >/note; cat /note; dd if=/bin/usertests of=/copy bs=8k; cmp /copy /bin/usertests && echo copied'
vmctl create wrong -b /none || echo status $?
vmctl create wrong -b /bin || echo status $?
vmctl start b
vmctl start a
vmctl create c -r '' -b /disk2 -k /tests/foreign -m 16
vmctl start c
vmctl wait a && echo a ended well
vmctl wait b && echo b ended well
vmctl stats a
vmctl send bare go
vmctl wait bare && echo bare ended well
vmctl wait c && echo c ended well
sha256sum /disk /disk2
vmctl create f -m 16 -k /tests/foreign -r '' -b /disk
vmctl start f
vmctl wait f && echo f ended well
dd if=/disk of=/block bs=4096 skip=511 count=1
sha256sum /block
vmctl create k -b /disk -s 'echo begun; sha256sum /dev/pv0 /dev/pv0 /dev/pv0 /dev/pv0 /dev/pv0 /dev/pv0 /dev/pv0'
vmctl start k
vmctl wait k 'begun'
vmctl destroy k
vmctl destroy a
vmctl destroy b
vmctl destroy f
vmctl destroy c
vmctl destroy bare
rm /disk
cat /proc/mem
edu fact 5
