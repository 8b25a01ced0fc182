# shellcheck shell=sh disable=all # for our shell, inside the machine
# The long versions, two at once, beside one that reads its disk all the time.
cat /proc/mem
vmctl create good -s 'sh /tests/manysum.sh'
vmctl assign good 00:04.0
vmctl start good
vmctl create random -m 16 -k /tests/hostile-3-SLOW -r ''
vmctl assign random 00:05.0
vmctl create ports -m 16 -k /tests/hostile-4-SLOW -r ''
vmctl assign ports 00:06.0
vmctl start random
vmctl start ports
vmctl wait random && echo random calls survived
vmctl stats random
vmctl wait ports && echo random ports survived
vmctl stats ports
vmctl destroy random
vmctl destroy ports
vmctl create queues -m 16 -k /tests/hostile-9-SLOW -r ''
vmctl assign queues 00:07.0
vmctl create edu -m 16 -k /tests/hostile-8-SLOW -r ''
vmctl assign edu 00:05.0
vmctl start queues
vmctl start edu
vmctl wait queues && echo queues survived
vmctl wait edu && echo a random device survived
vmctl destroy edu
vmctl destroy queues
vmctl create tables -m 16 -k /tests/hostile-7-SLOW -r ''
vmctl create storm -m 16 -k /tests/hostile-10-SLOW -r ''
vmctl start tables
vmctl start storm
vmctl wait tables && echo random tables survived
vmctl wait storm && echo a storm survived
vmctl stats storm
vmctl destroy tables
vmctl destroy storm
vmctl wait good && echo the good one ended well
vmctl destroy good
edu fact 10
sha256sum /dev/nvme2
sha256sum /dev/nvme1
cat /proc/mem
