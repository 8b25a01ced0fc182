# shellcheck shell=sh disable=all # for our shell, inside the machine
# Guests that misbehave, two at once, beside one that does not: they die alone, or spin alone.
cat /proc/mem
vmctl create good -s 'sha256sum /dev/nvme0; sha256sum /dev/nvme0; sha256sum /dev/nvme0; sha256sum /dev/nvme0; sha256sum /dev/nvme0; sha256sum /dev/nvme0'
vmctl assign good 00:04.0
vmctl create spin -m 16 -k /tests/hostile-2 -r ''
vmctl start spin
vmctl start good
vmctl create triple -m 16 -k /tests/hostile-1 -r ''
vmctl start triple
vmctl wait triple
vmctl destroy triple
vmctl create random -m 16 -k /tests/hostile-3 -r ''
vmctl assign random 00:05.0
vmctl create ports -m 16 -k /tests/hostile-4 -r ''
vmctl assign ports 00:06.0
vmctl start random
vmctl start ports
vmctl wait random && echo random calls survived
vmctl stats random
vmctl wait ports && echo random ports survived
vmctl destroy random
vmctl destroy ports
vmctl create queues -m 16 -k /tests/hostile-9 -r ''
vmctl assign queues 00:07.0
vmctl create edu -m 16 -k /tests/hostile-8 -r ''
vmctl assign edu 00:05.0
vmctl start queues
vmctl start edu
vmctl wait queues && echo queues survived
vmctl wait edu && echo a random device survived
vmctl stats edu
vmctl destroy edu
vmctl destroy queues
vmctl create tables -m 16 -k /tests/hostile-7 -r ''
vmctl create storm -m 16 -k /tests/hostile-10 -r ''
vmctl start tables
vmctl start storm
vmctl wait tables && echo random tables survived
vmctl wait storm && echo a storm survived
vmctl stats storm
vmctl destroy tables
vmctl destroy storm
vmctl create looks -m 16 -k /tests/hostile-11 -r ''
vmctl start looks
vmctl wait looks && echo it sees what the tables show
vmctl destroy looks
vmctl create hoard -m 16 -k /tests/hostile-6 -r ''
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
vmctl destroy nowhere
vmctl destroy good
edu fact 10
sha256sum /dev/nvme2
sha256sum /dev/nvme1
cat /proc/mem
