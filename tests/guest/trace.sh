# shellcheck shell=sh disable=all # for our shell, inside the machine
# The scene of `make trace`: a VM reads some blocks of a disk that it has been given.
vmctl create a -m 32 -a trace=all -s 'dd if=/dev/nvme0 of=/dev/null bs=4096 count=16'
dmatrace -o /trace.raw sh -c 'vmctl assign a 00:04.0; vmctl start a; vmctl wait a' || echo the scene failed
vmctl stats a
cat /proc/iommu
dmatrace -i /trace.raw >/trace.txt && dmatrace -i /trace.raw -s >/trace.summary && dmatrace -i /trace.raw -j >/trace.json
