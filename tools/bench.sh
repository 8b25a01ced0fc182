#!/bin/sh
# What the kernel's paths and a DMA mapping cost, in instructions: QEMU counts them (-icount), on one
# CPU of the kind that the figures of other systems were taken on. Leaves tables in $B/bench.
set -eu
cd "$(dirname "$0")/.."
B=${B:-build}
OUT=$B/bench
. tests/lib.sh
export CPU=EPYC CPUS=1 BOOT=kernel
QEMUEXTRA="-icount shift=0,sleep=on ${QEMUEXTRA:-}"
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
measure vtd 'script="sh /tests/bench-vm.sh"' vm >/dev/null
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
	{ printf "| %s | %s%s | %s | %s | %s |\n", $1, $2, (($2 + 0 > target[$1] + 0) ? "*" : ""), n(target[$1]), n(linux[$1]), n(xv6[$1]) }' \
	tests/bench/kernel.tsv "$OUT/kernel.tsv" >"$OUT/kernel.md"
# A VM as a whole: the same, from what bench and vmctl stats have printed.
awk -F'\t' 'FNR == NR { if (!/^#/) { name[++n] = $1; target[n] = $2 } next }
	$1 == "busy" { busy[++b] = $2 }
	$1 == "work" { host = $2 }
	$1 == "v| work" { guest = $2 }
	/^all / { split($0, w, " +"); exits[++e] = w[2] }
	END {
		value[1] = busy[2] - busy[1]; value[2] = sprintf("%.2f", (guest / host - 1) * 100); value[3] = sprintf("%.1f", (exits[2] - exits[1]) / 10)
		print "| a VM | measured | target |"; print "|---|--:|--:|"
		for (i = 1; i <= n; i++) printf "| %s | %s%s | %s |\n", name[i], value[i], (value[i] + 0 > target[i] + 0 ? "*" : ""), target[i] }' \
	tests/bench/vm.tsv "$OUT/vtd-vm.log" >"$OUT/vm.md"
# One line a row of figures; then a table of them, one page and 16 pages in one line.
{
	printf 'IOMMU\tmode\tstrategy\tpages\tbatch\tlive\tinstructions\tinvalidations x 1000\thypercalls x 1000\tpeak pages\t'
	printf 'bytes copied\texposed pages x us x 1000\tbytes beside 1,500\n'
	cat "$OUT/dma.tsv"
} >"$OUT/dma-all.tsv"
awk -F'\t' '
	FNR == NR { if (!/^#/) { k = $1 FS $2; target[k] = $4 ($5 == "-" ? "" : " (" $5 ")"); peer[k] = $6 ($7 == "-" ? "" : " (" $7 ")"); t1[k] = $4; t16[k] = $5 } next }
	$6 > 0 { next }
	{ k = $2 FS $3; if (!(k in seen)) { seen[k] = 1; order[++n] = k }
	  bad = (t1[k] + 0 > 0 && (($4 == 1 && $7 > t1[k] + 0) || ($4 == 16 && $7 > t16[k] + 0))) ? "*" : ""
	  cost[k, $1, $4] = $7 bad
	  if ($4 == 1 && $1 != "amdvi") { inv[k] = $8 / 1000; hc[k] = $9 / 1000; peak[k] = $10; copied[k] = $11; us[k] = $12 / 1000; beside[k] = $13 > 1000000 ? "all memory" : $13 } }
	function c(k, i) { return (k, i, 1) in cost ? cost[k, i, 1] ((k, i, 16) in cost ? " (" cost[k, i, 16] ")" : "") : "-" }
	END {
		print "| mode | strategy | VT-d | AMD-Vi | target | peer | invalidations | exits | peak | copied | exposed | beside |"
		print "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
		for (i = 1; i <= n; i++) { k = order[i]; split(k, w, FS)
			printf "| %s | %s | %s | %s | %s | %s | %.3f | %.3f | %s | %s | %.1f | %s |\n", w[1], w[2], (w[1] == "direct" ? c(k, "none") : c(k, "vtd")), c(k, "amdvi"), (k in target ? target[k] : "-"), (k in peer ? peer[k] : "-"), inv[k], hc[k], peak[k], copied[k], us[k], beside[k] } }' \
	tests/bench/dma.tsv "$OUT/dma.tsv" >"$OUT/dma.md"
cat "$OUT/kernel.md"
echo
cat "$OUT/vm.md"
echo
cat "$OUT/dma.md"
echo
awk -F'\t' '$6 > 0 { print "strict beside " $6 " live mappings, " $1 ": " $7 }' "$OUT/dma.tsv"
sed 's/^\([a-z]*\)\tnull\t/null hypercall, there and back, \1: /' "$OUT"/null-*.tsv
echo "All figures: $OUT/dma-all.tsv. An asterisk: the target is missed."
