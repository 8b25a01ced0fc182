# Memory before and after 200 VMs, and 20 more that ran with a device: the two tables are equal.
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v
vmctl destroy v
sleep 0.2
cat /proc/mem
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
vmctl create v -m 16 && vmctl assign v 00:05.0 && vmctl start v && vmctl kill v && vmctl destroy v
sleep 0.2
cat /proc/mem
