# 16 VMs at once, which are promised eight times the memory that there is.
vmctl create v1 -m 256 -s 'cat /proc/mem'; vmctl start v1
vmctl create v2 -m 256 -s 'cat /proc/mem'; vmctl start v2
vmctl create v3 -m 256 -s 'cat /proc/mem'; vmctl start v3
vmctl create v4 -m 256 -s 'cat /proc/mem'; vmctl start v4
vmctl create v5 -m 256 -s 'cat /proc/mem'; vmctl start v5
vmctl create v6 -m 256 -s 'cat /proc/mem'; vmctl start v6
vmctl create v7 -m 256 -s 'cat /proc/mem'; vmctl start v7
vmctl create v8 -m 256 -s 'cat /proc/mem'; vmctl start v8
vmctl create v9 -m 256 -s 'cat /proc/mem'; vmctl start v9
vmctl create v10 -m 256 -s 'cat /proc/mem'; vmctl start v10
vmctl create v11 -m 256 -s 'cat /proc/mem'; vmctl start v11
vmctl create v12 -m 256 -s 'cat /proc/mem'; vmctl start v12
vmctl create v13 -m 256 -s 'cat /proc/mem'; vmctl start v13
vmctl create v14 -m 256 -s 'cat /proc/mem'; vmctl start v14
vmctl create v15 -m 256 -s 'cat /proc/mem'; vmctl start v15
vmctl create v16 -m 256 -s 'cat /proc/mem'; vmctl start v16
vmctl wait v1 && echo v1 well; vmctl destroy v1
vmctl wait v2 && echo v2 well; vmctl destroy v2
vmctl wait v3 && echo v3 well; vmctl destroy v3
vmctl wait v4 && echo v4 well; vmctl destroy v4
vmctl wait v5 && echo v5 well; vmctl destroy v5
vmctl wait v6 && echo v6 well; vmctl destroy v6
vmctl wait v7 && echo v7 well; vmctl destroy v7
vmctl wait v8 && echo v8 well; vmctl destroy v8
vmctl wait v9 && echo v9 well; vmctl destroy v9
vmctl wait v10 && echo v10 well; vmctl destroy v10
vmctl wait v11 && echo v11 well; vmctl destroy v11
vmctl wait v12 && echo v12 well; vmctl destroy v12
vmctl wait v13 && echo v13 well; vmctl destroy v13
vmctl wait v14 && echo v14 well; vmctl destroy v14
vmctl wait v15 && echo v15 well; vmctl destroy v15
vmctl wait v16 && echo v16 well; vmctl destroy v16
cat /proc/mem
