#!/bin/sh
# What the kernel's paths, a DMA mapping and a request cost, in instructions: QEMU counts them
# (-icount), on one CPU of the kind that the figures of other systems were taken on. With ACCEL=kvm
# they are ticks of the real TSC.
#
# The matrix is a list of cells, WHERE:IOMMU:PART: each is a machine that is booted once and runs the
# script PART-WHERE of tests/loops.sh. FULL=1: longer scripts, more of them. MATRIX="...": other
# cells. SHARD=i/n: every n-th cell, beginning with the i-th. The figures of a shard are one file,
# build/bench/raw-i-n.tsv; tables and figures are made of all such files that are there.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build}
OUT=${BENCH_OUT:-$B/bench}
. tests/lib.sh
export CPU="${CPU:-EPYC}" CPUS=1 BOOT=kernel MEM=1024
if [ "${ACCEL:-tcg}" = tcg ]; then QEMUEXTRA="-icount shift=0,sleep=on ${QEMUEXTRA:-}"; else CPU=host; fi
LIMIT=1200
full=${FULL:+-full}

matrix() {
	echo "host:vtd:kernel host:vtd:vm direct:none:map direct:none:io direct:none:depth direct:none:size"
	for i in ${IOMMU:-vtd amdvi}; do
		for w in host guest; do
			for p in map io effects depth size pages live; do echo "$w:$i:$p"; done
		done
	done
}
cells=${MATRIX:-$(matrix)}
SHARD=${SHARD:-1/1}
i=${SHARD%/*} n=${SHARD#*/}
case $i$n in '' | *[!0-9]*) echo "bench: SHARD=$SHARD: not i/n" >&2; exit 2 ;; esac
[ "$i" -ge 1 ] && [ "$i" -le "$n" ] || { echo "bench: SHARD=$SHARD: there is no such part" >&2; exit 2; }
[ "$n" -gt 1 ] || rm -f "$OUT"/raw-*.tsv
raw=$OUT/raw-$i-$n.tsv
: >"$raw"

# What a cell's machine runs.
script() { # WHERE PART
	case $2 in
	kernel) run=bench ;;
	vm) run="sh /tests/bench-vm.sh" ;;
	map) if [ "$1" = direct ]; then run="dmabench map 00:04.0; dmabench map 00:04.0 -p 16"; else run="sh /tests/bench.sh"; fi ;;
	*) run="sh /tests/$2-$1${full:-}.sh" ;;
	esac
	[ "$1$2" != guestmap ] || run="dmabench null; $run"
	[ "$1" != guest ] || run="vmctl create a -m 256 -s \\\"$run\\\" && vmctl assign a 00:04.0 && vmctl assign a 00:05.0 && vmctl start a && vmctl wait a"
	echo "script=\"$run\""
}

null() { echo "-drive if=none,id=null$1,driver=null-co,size=1G -device nvme,drive=null$1,serial=null$1,addr=$1"; }

start=$(date +%s)
# shellcheck disable=SC2086
total=$(echo $cells | wc -w)
cell=0
for c in $cells; do
	cell=$((cell + 1))
	[ $(((cell - i) % n)) = 0 ] || continue
	where=${c%%:*} part=${c##*:} iommu=${c#*:}
	iommu=${iommu%:*}
	printf 'bench: %d of %d, %d s: %s, %s, %s\n' "$cell" "$total" "$(($(date +%s) - start))" "$part" "$where" "$iommu" >&2
	# shellcheck disable=SC2046
	IOMMU=$iommu boot "$where-$iommu-$part" "$(script "$where" "$part")" $(root_disk) $(null 4) $(null 5)
	[ "$status" = 0 ] || { echo "bench: $c ended with: $status; log: $log" >&2; exit 1; }
	case $where in direct) mode=direct ;; host) mode=iommu ;; guest) mode=coop ;; esac
	# Of the VM as a whole: what bench and vmctl stats have said.
	awk '/^all  / { print "exits\t" $2 }' "$log" | sed "s/^/$cell\t$mode\t$iommu\t$part\t/" >>"$raw"
	sed 's/^a| //' "$log" | grep -P '^[^\[]*\t' | sed "s/^/$cell\t$mode\t$iommu\t$part\t/" >>"$raw"
done
OUT=$OUT tools/bench-tables.sh
