# 16 VMs, each with a device of its own, four of them NVMe disks, all with the mover on, until all have done
# their work: sums of their disks, or edu's contract, again and again.
vmctl create v1 -m 128 -c 2 -s 'sh /tests/manysum.sh'; vmctl assign v1 00:04.0
vmctl create v2 -m 128 -c 2 -s 'sh /tests/manysum.sh'; vmctl assign v2 00:05.0
vmctl create v3 -m 128 -c 2 -s 'sh /tests/manysum.sh'; vmctl assign v3 00:06.0
vmctl create v4 -m 128 -c 2 -s 'sh /tests/manysum.sh'; vmctl assign v4 00:07.0
vmctl create v5 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v5 00:08.0
vmctl create v6 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v6 00:09.0
vmctl create v7 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v7 00:0a.0
vmctl create v8 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v8 00:0b.0
vmctl create v9 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v9 00:0c.0
vmctl create v10 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v10 00:0d.0
vmctl create v11 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v11 00:0e.0
vmctl create v12 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v12 00:0f.0
vmctl create v13 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v13 00:10.0
vmctl create v14 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v14 00:11.0
vmctl create v15 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v15 00:12.0
vmctl create v16 -m 128 -s 'sh /tests/manyedu.sh'; vmctl assign v16 00:13.0
vmctl move v1 --every 1ms; vmctl start v1
vmctl move v2 --every 1ms; vmctl start v2
vmctl move v3 --every 1ms; vmctl start v3
vmctl move v4 --every 1ms; vmctl start v4
vmctl move v5 --every 1ms; vmctl start v5
vmctl move v6 --every 1ms; vmctl start v6
vmctl move v7 --every 1ms; vmctl start v7
vmctl move v8 --every 1ms; vmctl start v8
vmctl move v9 --every 1ms; vmctl start v9
vmctl move v10 --every 1ms; vmctl start v10
vmctl move v11 --every 1ms; vmctl start v11
vmctl move v12 --every 1ms; vmctl start v12
vmctl move v13 --every 1ms; vmctl start v13
vmctl move v14 --every 1ms; vmctl start v14
vmctl move v15 --every 1ms; vmctl start v15
vmctl move v16 --every 1ms; vmctl start v16
vmctl wait v1 && echo v1 well; vmctl stats v1; vmctl destroy v1
vmctl wait v2 && echo v2 well; vmctl stats v2; vmctl destroy v2
vmctl wait v3 && echo v3 well; vmctl stats v3; vmctl destroy v3
vmctl wait v4 && echo v4 well; vmctl stats v4; vmctl destroy v4
vmctl wait v5 && echo v5 well; vmctl stats v5; vmctl destroy v5
vmctl wait v6 && echo v6 well; vmctl stats v6; vmctl destroy v6
vmctl wait v7 && echo v7 well; vmctl stats v7; vmctl destroy v7
vmctl wait v8 && echo v8 well; vmctl stats v8; vmctl destroy v8
vmctl wait v9 && echo v9 well; vmctl stats v9; vmctl destroy v9
vmctl wait v10 && echo v10 well; vmctl stats v10; vmctl destroy v10
vmctl wait v11 && echo v11 well; vmctl stats v11; vmctl destroy v11
vmctl wait v12 && echo v12 well; vmctl stats v12; vmctl destroy v12
vmctl wait v13 && echo v13 well; vmctl stats v13; vmctl destroy v13
vmctl wait v14 && echo v14 well; vmctl stats v14; vmctl destroy v14
vmctl wait v15 && echo v15 well; vmctl stats v15; vmctl destroy v15
vmctl wait v16 && echo v16 well; vmctl stats v16; vmctl destroy v16
cat /proc/mem
