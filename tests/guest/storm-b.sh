# shellcheck shell=sh disable=all # for our shell, inside the machine
# In VM b: a storm, a device that is cut off, and one that is permitted again.
sh /tests/storm.sh
sh /tests/storm.sh
echo ready
dd if=/dev/console of=/dev/null bs=16 count=1
edu dma read $(edu map a to) && echo edu is back
