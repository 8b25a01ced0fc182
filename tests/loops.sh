#!/bin/sh
# loops.sh NAME: writes a script for our shell, which has no loops, to stdout.
set -eu
case $1 in
leak) # memory before and after 200 VMs and 20 that ran with a device
	run='vmctl assign v 00:05.0 && vmctl start v && vmctl kill v'
	echo "vmctl create v -m 16 && $run; vmctl destroy v; sleep 1; cat /proc/mem"
	for i in $(seq 200); do echo "vmctl create v -m 16 && vmctl destroy v"; done
	for i in $(seq 20); do echo "vmctl create v -m 16 && $run && vmctl destroy v"; done
	echo "sleep 1; cat /proc/mem"
	;;
promise) # 16 VMs at once, which are promised eight times the memory that there is
	for i in $(seq 16); do echo "vmctl create v$i -m 256 -s 'cat /proc/mem'; vmctl start v$i"; done
	for i in $(seq 16); do echo "vmctl wait v$i && echo v$i well; vmctl destroy v$i"; done
	echo "cat /proc/mem"
	;;
many) # 16 VMs, each with a device, four of them NVMe disks, all with the mover on, until all are done
	for i in $(seq 16); do
		work='-s "sh /tests/manyedu.sh"'
		[ "$i" -gt 4 ] || work='-c 2 -s "sh /tests/manysum.sh"'
		printf 'vmctl create v%d -m 128 %s; vmctl assign v%d 00:%02x.0\n' "$i" "$work" "$i" $((i + 3))
	done
	for i in $(seq 16); do echo "vmctl move v$i --every 1ms; vmctl start v$i"; done
	for i in $(seq 16); do echo "vmctl wait v$i && echo v$i well; vmctl stats v$i; vmctl destroy v$i"; done
	echo "cat /proc/mem"
	;;
manysum) # their work: sums of a disk
	for i in $(seq 90); do echo "sha256sum /dev/nvme0"; done
	;;
fpu | fpu-SSE) # two that keep what their FPU holds, beside others that turn on what they may not
	keep=${1#fpu}
	echo "vmctl create first -m 16 -k /tests/hostile-14 -r ''; vmctl start first"
	echo "vmctl wait first && echo the first is through; vmctl destroy first"
	for i in "12$keep" "13$keep" 14; do echo "vmctl create v$i -m 16 -k /tests/hostile-$i -r ''"; done
	for i in "12$keep" "13$keep" 14; do echo "vmctl start v$i"; done
	for i in "12$keep" "13$keep" 14; do echo "vmctl wait v$i && echo v$i is through"; done
	echo "usertests faults"
	;;
manyedu) # or edu's contract
	for i in $(seq 90); do echo "edu test"; done
	;;
io-* | effects-* | depth-* | size-* | pages-* | live-*) # dmabench's matrix, on the host, in a guest, without an IOMMU; -full: all
	part=${1%%-*} where=${1#*-} full=
	case $where in *-full) where=${where%-full} full=1 ;; esac
	disk=nvme1 second=nvme2
	[ "$where" != guest ] || disk=nvme0 second=nvme1
	one="00:04.0=$disk" both="00:04.0=$disk,00:05.0=$second"
	all="strict deferred batched optimistic ondemand persistent bounce static"
	[ "$where" != direct ] || all=direct
	some="strict batched persistent"
	[ -z "$full" ] && [ "$where" != direct ] || some=$all
	io() { # STRATEGY DEVICES ARGUMENTS
		s=$1 devices=$2
		shift 2
		[ "$s" = direct ] || set -- -s "$s" "$@"
		echo "dmabench io $devices $*"
	}
	case $part in
	io) # what a random read costs under each; then other work
		for s in $all; do io "$s" "$one" -n 8192; done
		for s in $some; do
			io "$s" "$one" -w seq
			io "$s" "$one" -w write
			io "$s" "$both" -j 2
		done
		;;
	effects) # many more buffers than requests under way: who remembers how many
		for a in 128 ${full:+256 512 1024} 4096; do
			for s in $all; do io "$s" "$one" -a "$a" -n 8192; done
		done
		;;
	depth) for d in 1 2 4 8 16 32 64; do for s in $some; do io "$s" "$one" -d "$d" -n 2048; done; done ;;
	size)
		more=bounce
		[ -z "$full" ] && [ "$where" != direct ] || more=
		for b in 4096 16384 65536 262144 1048576; do
			for s in $some $more; do io "$s" "$one" -d 4 -b "$b" -n $((67108864 / (b + 32768))); done
		done
		;;
	pages) # what the device reaches while buffers are taken from 4,096 pages
		for s in strict deferred optimistic ondemand persistent static; do io "$s" "$one" -a 4096 -n 8192 -t 32; done
		;;
	live)
		for l in 0 100 1000 10000 ${full:+30000} 100000; do
			for s in strict ${full:+deferred persistent}; do echo "dmabench map 00:04.0 -s $s -l $l"; done
		done
		for b in 1 2 4 8 16 32 ${full:+48} 64; do echo "dmabench map 00:04.0 -s batched -b $b -n 200"; done
		;;
	esac
	;;
churn-*) # 250 VMs that are made, run, and are killed at any moment of their lives; random by SEED
	awk -v seed="${1#churn-}" 'function chance(p) { return rand() < p }
	BEGIN {
		srand(seed)
		for (i = 0; i < 250; i++) {
			printf "vmctl create v -m %d -c %d", 16 * (2 + int(rand() * 3)), chance(.3) ? 2 + int(rand() * 3) : 1
			print " -s \"sha256sum /dev/nvme0; edu test; sleep 60\""
			if (chance(.7)) print "vmctl assign v 00:04.0"
			if (edu = chance(.5)) print "vmctl assign v 00:05.0" (chance(.2) ? " -p deny" : "")
			if (chance(.3)) print "vmctl move v --every 1ms"
			if (chance(.95)) print "vmctl start v"
			if (chance(.2)) print "vmctl wait v nvme0"
			else printf "sleep 0.%02d\n", rand() * 60
			if (edu && chance(.3)) print "vmctl " (chance(.5) ? "deny" : "release") " v 00:05.0"
			if (chance(.5)) print "vmctl kill v"
			print "vmctl destroy v"
		}
		print "echo 250 rounds are over"
	}'
	;;
race) # deny and permit, under a guest that maps without end
	echo "vmctl create r -m 16 -k /tests/race -r ''; vmctl assign r 00:05.0; vmctl start r; vmctl wait r ready"
	for i in $(seq 100); do echo "vmctl deny r 00:05.0; vmctl stats r; vmctl maps r; vmctl permit r 00:05.0; sleep 0.01"; done
	echo "vmctl release r 00:05.0; vmctl assign r 00:05.0; sleep 0.1; vmctl kill r; vmctl destroy r; edu fact 5; cat /proc/mem"
	;;
steady) # two pages that move again and again, under CPUs that count in them
	echo "vmctl create s -m 16 -c 2 -k /tests/steady -r ''; vmctl start s; vmctl wait s A; vmctl wait s B"
	for i in $(seq 200); do echo "vmctl move s 0x300000; vmctl move s 0x9000"; done
	echo "vmctl status; vmctl stats s; vmctl kill s; vmctl destroy s"
	;;
esac
