# shellcheck shell=sh disable=all # for our shell, inside the machine
# A guest with 4 CPUs on a host with several: it works, and is destroyed while it runs.
vmctl create n4 -c 4 -s 'edu test; usertests preempt; usertests preempt; usertests preempt; usertests preempt; cat /proc/cpus'
vmctl assign n4 00:05.0
vmctl start n4
vmctl wait n4 && echo n4 ended well
vmctl destroy n4
vmctl create k -c 4 -s 'echo begun; usertests; sleep 600'
vmctl assign k 00:05.0
vmctl start k
vmctl wait k begun
vmctl release k 00:05.0
vmctl kill k
vmctl status k
vmctl destroy k
echo == console
vmctl create c -c 2 -s 'echo begun; dd if=/dev/console of=/dev/null bs=16 count=1; echo shown as it is'
vmctl start c
vmctl wait c begun
sh -c 'echo go; vmctl wait c' | vmctl console c
vmctl status c
