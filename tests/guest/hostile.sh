# shellcheck shell=sh disable=all # for our shell, inside the machine
# Guests that misbehave, beside one that does not: they die alone, or spin alone.
cat /proc/mem
vmctl create good -s 'sha256sum /dev/nvme0'
vmctl assign good 00:04.0
vmctl create spin -m 16 -k /tests/hostile-2 -r ''
vmctl start spin
vmctl start good
vmctl create triple -m 16 -k /tests/hostile-1 -r ''
vmctl start triple
vmctl wait triple
vmctl create random -m 16 -k /tests/hostile-3 -r ''
vmctl assign random 00:05.0
vmctl start random
vmctl wait random && echo random calls survived
vmctl stats random
vmctl create ports -m 16 -k /tests/hostile-4 -r ''
vmctl assign ports 00:06.0
vmctl start ports
vmctl wait ports && echo random ports survived
vmctl create hoard -m 16 -k /tests/hostile-6 -r ''
vmctl release random 00:05.0
vmctl assign hoard 00:05.0
vmctl start hoard
vmctl wait hoard && echo hoarding survived
vmctl stats hoard
free | grep FREE
vmctl destroy hoard
vmctl create nowhere -m 16 -k /tests/hostile-5 -r ''
vmctl start nowhere
vmctl wait nowhere
vmctl wait good && echo the good one ended well
vmctl status
vmctl kill spin
vmctl destroy spin
vmctl destroy triple
vmctl destroy random
vmctl destroy ports
vmctl destroy nowhere
vmctl destroy good
edu fact 10
sha256sum /dev/nvme1
cat /proc/mem
