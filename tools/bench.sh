#!/bin/sh
# What the kernel's paths and a DMA mapping cost, in instructions: QEMU counts them (-icount), on one
# CPU of a kind that the figures of other systems were taken on. Leaves tables in $B/bench.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build}
OUT=$B/bench
. tests/lib.sh
export CPU=EPYC CPUS=1 BOOT=kernel
QEMUEXTRA="-icount shift=0,sleep=off ${QEMUEXTRA:-}"
LIMIT=600
head -c 1048576 /dev/zero >"$OUT/disk.img"

# A run: boots with IOMMU $1 and command line $2 and a second disk; lines of figures go to stdout.
measure() {
	echo "bench: $1, $2" | cut -c 1-70 >&2
	# shellcheck disable=SC2046
	IOMMU=$1 MEM=1024 boot "$1-$3" "$2" $(root_disk) $(disk "$OUT/disk.img" 4)
	[ "$status" = 0 ] || { echo "bench: $1 ended with: $status; log: $log" >&2; exit 1; }
	sed 's/^a| //' "$log" | grep -P '^[^\[]*\t'
}

measure vtd 'script="bench"' kernel >"$OUT/kernel.tsv"
: >"$OUT/dma.tsv"
measure none 'script="dmabench map 00:04.0; dmabench map 00:04.0 -p 16"' direct | sed 's/^/none\tdirect\t/' >>"$OUT/dma.tsv"
for i in ${IOMMU:-vtd amdvi}; do
	measure "$i" 'script="sh /tests/bench.sh; dmabench map 00:04.0 -s strict -l 100000"' native | sed "s/^/$i\tiommu\t/" >>"$OUT/dma.tsv"
	measure "$i" 'script="vmctl create a -m 256 -s \"dmabench null; sh /tests/bench.sh\" && vmctl assign a 00:04.0 && vmctl start a && vmctl wait a"' \
		coop >"$OUT/coop.tsv"
	grep -v '^null' "$OUT/coop.tsv" | sed "s/^/$i\tcoop\t/" >>"$OUT/dma.tsv"
	grep '^null' "$OUT/coop.tsv" | sed "s/^/$i\t/" >"$OUT/null-$i.tsv"
done

# The tables, with what was aimed at and what others cost.
awk -F'\t' 'function n(x) { return x == "" ? "-" : x }
	FNR == NR { if (!/^#/) { target[$1] = $2; linux[$1] = $3; xv6[$1] = $4 } next }
	FNR == 1 { print "| operation | instructions | target | Linux 6.1 | xv6 |"; print "|---|--:|--:|--:|--:|" }
	{ printf "| %s | %s%s | %s | %s | %s |\n", $1, $2, (($2 + 0 > target[$1] + 0) ? " (missed)" : ""), n(target[$1]), n(linux[$1]), n(xv6[$1]) }' \
	tests/bench/kernel.tsv "$OUT/kernel.tsv" >"$OUT/kernel.md"
awk -F'\t' 'FNR == NR { if (!/^#/) { k = $1 FS $2 FS $3; t[k, 1] = $4; t[k, 16] = $5; p[k, 1] = $6; p[k, 16] = $7 } next }
	FNR == 1 {
		print "| IOMMU | mode | strategy | pages | batch | live | instructions | target | peer | invalidations | exits | peak pages | bytes copied | exposed pages x us | bytes beside |"
		print "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|" }
	{ k = $2 FS $3 FS $5; want = t[k, $4]; peer = p[k, $4]
	  printf "| %s | %s | %s | %s | %s | %s | %s%s | %s | %s | %.3f | %.3f | %s | %s | %.3f | %s |\n", $1, $2, $3, $4, $5, $6, $7, ((want + 0 > 0 && $7 + 0 > want + 0) ? " (missed)" : ""), (want == "" ? "-" : want), (peer == "" ? "-" : peer), $8 / 1000, $9 / 1000, $10, $11, $12 / 1000, $13 }' \
	tests/bench/dma.tsv "$OUT/dma.tsv" >"$OUT/dma.md"
cat "$OUT/kernel.md"
echo
cat "$OUT/dma.md"
echo
sed 's/^\([a-z]*\)\tnull\t/null hypercall, there and back, on \1: /' "$OUT"/null-*.tsv
