# shellcheck shell=sh disable=all # for our shell, inside the machine
# In VM b: a storm, then again what is permitted.
sh /tests/storm.sh
sh /tests/storm.sh
echo ready
dd if=/dev/console of=/dev/null bs=16 count=1
edu test
