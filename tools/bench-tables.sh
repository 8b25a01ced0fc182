#!/bin/sh
# Tables (Markdown, TSV) and figures (SVG) of the raw figures that `make bench` has left in $OUT, of
# one run or of many parts. What an event costs is in tests/costs.tsv.
set -eu
cd "$(dirname "$0")/.."
OUT=${OUT:-${B:-build}/bench}
cat "$OUT"/raw-*.tsv | sort -s -n -k1,1 >"$OUT/raw.tsv"
rm -f "$OUT"/*.md "$OUT"/*.svg
unit=instructions
[ "${ACCEL:-tcg}" = tcg ] || unit=ticks

# part PATTERN: the rows of these parts, without the cell: mode, IOMMU, and what the program printed.
part() { awk -F'\t' -v OFS='\t' -v p="^($1)\$" '$4 ~ p { m = $2; i = $3; $1 = $2 = $3 = $4 = ""; sub(/^\t+/, ""); print m, i, $0 }' "$OUT/raw.tsv"; }

# What the kernel's paths cost, beside what was aimed at and what others cost.
part kernel | cut -f3- >"$OUT/kernel.tsv"
awk -F'\t' -v unit="$unit" 'function n(x) { return x == "" ? "-" : x }
	FNR == NR { if (!/^#/) { target[$1] = $2; linux[$1] = $3; xv6[$1] = $4 } next }
	FNR == 1 { print "| operation | " unit " | target | Linux 6.1 | xv6 |"; print "|---|--:|--:|--:|--:|" }
	{ printf "| %s | %s%s | %s | %s | %s |\n", $1, $2, (($2 + 0 > target[$1] + 0) ? "*" : ""), n(target[$1]), n(linux[$1]), n(xv6[$1]) }' \
	tests/bench/kernel.tsv "$OUT/kernel.tsv" >"$OUT/kernel.md"

# A VM as a whole: from what bench and vmctl stats have said before and after.
part vm | cut -f3- | awk -F'\t' 'FNR == NR { if (!/^#/) { name[++n] = $1; target[n] = $2 } next }
	$1 == "busy" { busy[++b] = $2 }
	$1 == "work" { host = $2 }
	$1 == "v| work" { guest = $2 }
	$1 == "exits" { exits[++e] = $2 }
	END { if (!host) exit
		value[1] = busy[2] - busy[1]; value[2] = sprintf("%.2f", (guest / host - 1) * 100); value[3] = sprintf("%.1f", (exits[2] - exits[1]) / 10)
		print "| a VM | measured | target |"; print "|---|--:|--:|"
		for (i = 1; i <= n; i++) printf "| %s | %s%s | %s |\n", name[i], value[i], (value[i] + 0 > target[i] + 0 ? "*" : ""), target[i] }' \
	tests/bench/vm.tsv - >"$OUT/vm.md"

# A pair of map and unmap, one page and 16 pages in one line.
{
	printf 'mode\tIOMMU\tstrategy\tpages\tbatch\tlive\t%s\tinvalidations x 1000\thypercalls x 1000\tpeak pages\t' "$unit"
	printf 'bytes copied\texposed pages x us x 1000\tbytes beside 1,500\n'
	part 'map|live' | awk -F'\t' '$3 != "null"'
} >"$OUT/map.tsv"
part map | awk -F'\t' '$3 == "null"' >"$OUT/null.tsv"
awk -F'\t' '
	FNR == NR { if (!/^#/) { k = $1 FS $2; target[k] = $4 ($5 == "-" ? "" : " (" $5 ")"); peer[k] = $6 ($7 == "-" ? "" : " (" $7 ")"); t1[k] = $4; t16[k] = $5 } next }
	$1 == "mode" || $6 > 0 || ($3 == "batched" && $5 != 32) { next }
	{ s = $3 == "-" ? $1 : $3; k = $1 FS $3; if (!(k in seen)) { seen[k] = 1; order[++n] = k }
	  if ((k, $2, $4) in cost) next
	  bad = (t1[k] + 0 > 0 && (($4 == 1 && $7 > t1[k] + 0) || ($4 == 16 && $7 > t16[k] + 0))) ? "*" : ""
	  cost[k, $2, $4] = $7 bad
	  if ($4 == 1 && $2 != "amdvi") { inv[k] = $8 / 1000; hc[k] = $9 / 1000; peak[k] = $10; copied[k] = $11; us[k] = $12 / 1000; beside[k] = $13 > 1000000 ? "all memory" : $13 } }
	function c(k, i) { return (k, i, 1) in cost ? cost[k, i, 1] ((k, i, 16) in cost ? " (" cost[k, i, 16] ")" : "") : "-" }
	END {
		print "| mode | strategy | VT-d | AMD-Vi | target | peer | invalidations | hypercalls | peak | copied | exposed | beside |"
		print "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
		for (i = 1; i <= n; i++) { k = order[i]; split(k, w, FS)
			printf "| %s | %s | %s | %s | %s | %s | %.3f | %.3f | %s | %s | %.1f | %s |\n", w[1], w[2], (w[1] == "direct" ? c(k, "none") : c(k, "vtd")), c(k, "amdvi"), (k in target ? target[k] : "-"), (k in peer ? peer[k] : "-"), inv[k], hc[k], peak[k], copied[k], us[k], beside[k] } }' \
	tests/bench/dma.tsv "$OUT/map.tsv" >"$OUT/map.md"

# Requests; the last column is modelled. In a guest the invalidations are the host's, which the guest
# does not see: as many as the same strategy makes on the machine itself.
{
	printf 'mode\tIOMMU\tstrategy\tworkload\tdepth\tbytes\tprocesses\tarena pages\trequests\t%s\tticks\tmaps x 1000\t' "$unit"
	printf 'invalidations x 1000\thypercalls x 1000\texits x 1000\tinterrupts x 1000\tpeak pages\tbytes copied\texposed pages x us x 1000\tmodelled cycles\n'
	part 'io|effects|depth|size' | awk -F'\t' -v OFS='\t' '
		FNR == NR { if (!/^#/) price[$1] = $2; next }
		$3 != "io" { next }
		{ for (i = 3; i < NF; i++) $i = $(i + 1); NF--; if ($3 == "-") $3 = "direct"
		  k = $2 FS $3 FS $4 FS $5 FS $6 FS $7 FS $8; if ($1 == "iommu") inv[k] = $13; row[++n] = $0; key[n] = k }
		END { for (r = 1; r <= n; r++) { $0 = row[r]
			if ($1 == "coop" && key[r] in inv) $13 = inv[key[r]]
			# A page whose entry is new is walked for; what stays mapped is found in the IOTLB.
			walks = $3 ~ /strict|deferred|batched/ ? $12 / 1000 * ($6 < 65536 ? $6 : 65536) / 4096 : $13 / 1000
			if (walks < 0) walks = 0
			print $0, int($10 * price["instruction"] + $13 / 1000 * price["invalidation"] + walks * price["walk"] + \
				$15 / 1000 * price["exit"] + $16 / 1000 * price["interrupt"] + $18 / 4096 * price["copy"]) } }' tests/costs.tsv -
} >"$OUT/io.tsv"
part pages | awk -F'\t' -v OFS='\t' 'BEGIN { print "mode", "IOMMU", "strategy", "requests", "pages" } $3 == "pages" { print $1, $2, $4, $5, $6 }' >"$OUT/pages.tsv"

# rows CONDITION FORMAT-AND-VALUES: lines of a table from io.tsv; an awk condition and a printf.
rows() { awk -F'\t' "FNR > 1 && ($1) { printf $2 }" "$OUT/io.tsv"; }
base='$4 == "read" && $5 == 32 && $6 == 4096 && $7 == 1'
# From part io alone: of a cell and a depth that another part has as well, the first.
awk -F'\t' '
	FILENAME ~ /bench.io.tsv$/ && FNR == NR { if (!/^#/) { k = $1 FS $2; t[k] = $3; te[k] = $4; p[k] = $5; pe[k] = $6; who[k] = $7 } next }
	FNR == 1 || !($4 == "read" && $5 == 32 && $6 == 4096 && $7 == 1 && $8 == 0) { next }
	{ k = $1 FS $3; if (!(k in seen)) { seen[k] = 1; order[++n] = k } if (!((k, $2) in c)) { c[k, $2] = $10; m[k, $2] = $20; e[k, $2] = $15 / 1000 }
	  if (!(k in iv)) { peak[k] = $17; ex[k] = $19 / 1000; iv[k] = $13 / 1000; ir[k] = $16 / 1000 } } # of VT-d, the first
	function v(k, i) { return (k, i) in c ? c[k, i] (t[k] + 0 > 0 && c[k, i] > t[k] + 0 ? "*" : "") : "-" }
	function w(x) { return x == "" ? "-" : x }
	END {
		print "| mode | strategy | VT-d | AMD-Vi | target | modelled cycles, VT-d | exits | interrupts | invalidations | peak | exposed | Linux | its exits | who |"
		print "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|"
		for (i = 1; i <= n; i++) { k = order[i]; split(k, x, FS); u = x[1] == "direct" ? "none" : (k, "vtd") in c ? "vtd" : "amdvi"
			bad = te[k] + 0 > 0 && e[k, u] > te[k] + 0 ? "*" : ""
			printf "| %s | %s | %s | %s | %s | %s | %s | %.3f | %.3f | %s | %.1f | %s | %s | %s |\n", x[1], x[2], v(k, x[1] == "direct" ? "none" : "vtd"), v(k, "amdvi"), w(t[k]), m[k, u], (x[1] == "coop" ? sprintf("%.3f%s", e[k, u], bad) : "-"), ir[k], iv[k], peak[k], ex[k], w(p[k]), w(pe[k]), w(who[k]) } }' \
	tests/bench/io.tsv "$OUT/io.tsv" >"$OUT/io.md"

# A request by how many are under way, and by its size: a column each.
wide() { # CONDITION COLUMN HEADING
	awk -F'\t' -v col="$2" -v heading="$3" "FNR > 1 && $1"' { k = $1 FS $2 FS $3; if (!(k in seen)) { seen[k] = 1; order[++n] = k }
		v = $col ~ /^[0-9]/ ? $col + 0 : $col; if (!(v in at)) { at[v] = 1; x[++nx] = v } if (!((k, v) in c)) c[k, v] = $10 }
		END { for (i = 1; i < nx; i++) for (j = i + 1; j <= nx; j++) if (x[j] < x[i]) { t = x[i]; x[i] = x[j]; x[j] = t }
			printf "| mode | IOMMU | strategy |"; for (i = 1; i <= nx; i++) printf " %s %s |", heading, x[i]
			printf "\n|---|---|---|"; for (i = 1; i <= nx; i++) printf "--:|"; print ""
			for (r = 1; r <= n; r++) { split(order[r], w, FS); printf "| %s | %s | %s |", w[1], w[2], w[3]
				for (i = 1; i <= nx; i++) printf " %s |", (order[r], x[i]) in c ? c[order[r], x[i]] : "-"; print "" } }' "$OUT/io.tsv"
}
wide '$4 == "read" && $6 == 4096 && $7 == 1 && $8 == 0 && $9 == 2048' 5 "depth" >"$OUT/depth.md"
wide '$4 == "read" && $5 == 4 && $7 == 1 && $8 == 0 && $9 != 2048' 6 "bytes" >"$OUT/size.md"
wide '$5 == 32 && $6 == 4096 && $8 == 0 && ($4 != "read" || $7 > 1)' 4 "" | sed 's/ read |/ read, 2 disks, 2 processes |/' >"$OUT/work.md"

# Three published effects.
{
	echo "| mode | strategy | instructions | modelled cycles | invalidations | peak pages | exposed, pages x us |"
	echo "|---|---|--:|--:|--:|--:|--:|"
	rows "$base"' && $8 == 128 && $2 == "vtd" && $3 ~ /^(strict|deferred|optimistic)$/' \
		'"| %s | %s | %d | %d | %.3f | %d | %.1f |\n", $1, $3, $10, $20, $13 / 1000, $17, $19 / 1000'
} >"$OUT/teardown.md"
{
	echo "| mode | buffers, pages | strategy | instructions | modelled cycles | the most pages mapped | of the memory |"
	echo "|---|--:|---|--:|--:|--:|--:|"
	rows "$base"' && $8 > 0 && $2 == "vtd" && $3 ~ /^(strict|ondemand|persistent|static)$/' \
		'"| %s | %d | %s | %d | %d | %d | %.2f %% |\n", $1, $8, $3, $10, $20, $17, $17 * 100 / ($1 == "coop" ? 65536 : 262144)'
} >"$OUT/quota.md"
{
	echo "| in one hypercall | instructions a pair, VT-d | AMD-Vi | exits a pair |"
	echo "|--:|--:|--:|--:|"
	awk -F'\t' 'FNR > 1 && $1 == "coop" && $4 == 1 && $6 == 0 && ($3 == "strict" || $3 == "batched") { k = $3 == "strict" ? "one each (strict)" : $5 " maps, " $5 " unmaps"; if ($3 == "batched" && $5 == 1) k = "1 map, 1 unmap"
		if (!(k in seen)) { seen[k] = 1; order[++n] = k } if (!((k, $2) in c)) { c[k, $2] = $7; e[k] = $9 / 1000 } }
		END { for (i = 2; i < n; i++) for (j = i + 1; j <= n; j++) if (order[j] + 0 < order[i] + 0) { k = order[i]; order[i] = order[j]; order[j] = k }
			for (i = 1; i <= n; i++) { k = order[i]; printf "| %s | %s | %s | %.3f |\n", k, ((k, "vtd") in c) ? c[k, "vtd"] : "-", ((k, "amdvi") in c) ? c[k, "amdvi"] : "-", e[k] } }' "$OUT/map.tsv"
} >"$OUT/batch.md"
{
	echo "| event | cycles | processor | how known | source |"
	echo "|---|--:|---|---|---|"
	awk -F'\t' '!/^#/ { printf "| %s | %s | %s | %s | %s |\n", $1, $2, $3, $4, $5 }' tests/costs.tsv
} >"$OUT/costs.md"

if command -v gnuplot >/dev/null 2>&1; then
	OUT=$OUT unit=$unit tools/bench-figures.sh
else
	echo "bench: no gnuplot, no figures (package gnuplot-nox)" >&2
fi

show() { [ "$(wc -l <"$OUT/$1.md")" -le 2 ] || { printf '%s\n\n' "$2"; cat "$OUT/$1.md"; echo; }; }
show kernel "Kernel, $unit an operation"
show vm "A VM"
show map "A pair of map and unmap, $unit: one page (16 pages)"
show io "A random read of 4 KiB from user space, 32 under way, $unit of host and guest together"
show depth "The same by how many are under way"
show size "By the size of a request, 4 under way"
show work "Other work"
show teardown "Deferred and optimistic teardown against strict: vIOMMU, USENIX ATC 2011"
show quota "Mappings on demand under a quota (256 pages) against static: SYSTOR 2010"
show batch "Batched hypercalls against one each: a pair of map and unmap in a guest"
show costs "Prices of the model (tests/costs.tsv)"
awk -F'\t' '{ print "A null hypercall, there and back, " $2 ": " $4 }' "$OUT/null.tsv"
echo "All of it, and figures as SVG: $OUT. An asterisk: the target is missed. Modelled cycles are no measurement."
