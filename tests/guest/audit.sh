# shellcheck shell=sh disable=all # for our shell, inside the machine
vmctl create random -m 16 -k /tests/hostile-3 -r ''
vmctl assign random 00:05.0
vmctl start random
vmctl wait random && echo random is through
cat /proc/audit
vmctl destroy random
vmctl create a -m 32 -s 'edu test; sha256sum /dev/nvme0; sha256sum /dev/nvme0; echo all-read; sleep 600'
vmctl assign a 00:04.0
vmctl assign a 00:05.0
vmctl move a --every 2ms
vmctl start a
vmctl wait a 'ok 12'
vmctl deny a 00:05.0
vmctl permit a 00:05.0
vmctl release a 00:05.0
vmctl wait a all-read
vmctl kill a
vmctl destroy a
echo all is over
