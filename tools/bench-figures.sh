#!/bin/sh
# Figures of what tools/bench-tables.sh has put into $OUT: SVG, by gnuplot.
set -eu
unit=${unit:-instructions}
style='set terminal svg size 760,440 font "DejaVu Sans,13" background "white" rounded
set style line 1 lc rgb "#1b6ca8" lw 2 pt 7 ps 0.6
set style line 2 lc rgb "#d1495b" lw 2 pt 5 ps 0.6
set style line 3 lc rgb "#2e933c" lw 2 pt 9 ps 0.7
set style line 4 lc rgb "#edae49" lw 2 pt 13 ps 0.7
set style line 5 lc rgb "#6a4c93" lw 2 pt 11 ps 0.7
set style line 6 lc rgb "#555555" lw 2 pt 6 ps 0.6
set style line 7 lc rgb "#00798c" lw 2 pt 4 ps 0.6
set border 3 lc rgb "#555555"
set tics nomirror out
set grid lc rgb "#dddddd" lw 1
set datafile separator "\t"
set key outside right top reverse Left samplen 2 spacing 1.2
'

# figure NAME TITLE COMMANDS: draws $OUT/NAME.svg.
figure() {
	printf '%sset output "%s/%s.svg"\nset title "%s" font ",15"\n%s\n' "$style" "$OUT" "$1" "$2" "$3" |
		gnuplot 2>"$OUT/gnuplot.err" || { echo "bench: figure $1:" >&2; cat "$OUT/gnuplot.err" >&2; }
}

# series FILE CONDITION X Y: writes the points of each strategy as one block, under its name, to
# $OUT/plot; and the names, one a line, to stdout. A point that comes twice is the first of both.
series() {
	awk -F'\t' -v x="$3" -v y="$4" "FNR > 1 && ($2)"' { if (!(($3, $x) in seen)) { seen[$3, $x] = 1; if (!($3 in n)) order[++s] = $3; p[$3, ++n[$3]] = $x "\t" $y } }
		END { for (i = 1; i <= s; i++) { print "#", order[i]; for (j = 1; j <= n[order[i]]; j++) print p[order[i], j]; print ""; print "" } }' "$1" >"$OUT/plot"
	sed -n 's/^# //p' "$OUT/plot"
}

# lines NAME TITLE FILE CONDITION X Y COMMANDS: a figure with a line for each strategy.
lines() {
	names=$(series "$3" "$4" "$5" "$6")
	[ -n "$names" ] || return 0
	cp "$OUT/plot" "$OUT/$1.dat"
	plot='' i=0
	for s in $names; do
		plot="$plot, '$OUT/$1.dat' index $i using 1:2 with linespoints ls $((i % 7 + 1)) title '$(echo "$s" | tr _ ' ')' noenhanced"
		i=$((i + 1))
	done
	figure "$1" "$2" "$7
plot ${plot#, }"
	rm "$OUT/$1.dat"
}

base='$4 == "read" && $6 == 4096 && $7 == 1'
for mode in iommu coop; do
	[ $mode = iommu ] && where="on the machine" || where="in a guest"
	lines "depth-$mode" "CPU cost of a 4 KiB read against requests under way, $where" "$OUT/io.tsv" \
		"$base && \$8 == 0 && \$9 == 2048 && (\$1 == \"$mode\" && \$2 == \"vtd\" || \$1 == \"direct\")" 5 10 \
		"set logscale x 2; set xlabel 'requests under way'; set ylabel '$unit a request'; set yrange [0:*]"
	lines "size-$mode" "CPU cost against the size of a read, $where" "$OUT/io.tsv" \
		"\$4 == \"read\" && \$5 == 4 && \$8 == 0 && \$9 != 2048 && (\$1 == \"$mode\" && \$2 == \"vtd\" || \$1 == \"direct\")" 6 10 \
		"set logscale xy; set xtics ('4K' 4096, '16K' 16384, '64K' 65536, '256K' 262144, '1M' 1048576); set xrange [3000:1500000]; set xlabel 'bytes'; set ylabel '$unit a request'"
	lines "pinned-$mode" "Pages that the device reaches, while 8,192 reads go to 4,096 buffers, $where" "$OUT/pages.tsv" \
		"\$1 == \"$mode\" && \$2 == \"vtd\"" 4 5 \
		"set logscale y; set xlabel 'requests done (the clock of this figure)'; set ylabel 'pages mapped$([ $mode = iommu ] || echo ', and pinned')'; set yrange [10:*]"
done

# Of two machines in one figure: name each line by both.
awk -F'\t' -v OFS='\t' 'FNR == 1 || ($4 == 1 && $5 == 1 && $3 != "batched") { $3 = $3 ", " ($1 == "coop" ? "guest" : "native") ", " ($2 == "vtd" ? "VT-d" : "AMD-Vi"); gsub(/ /, "_", $3); print }' "$OUT/map.tsv" >"$OUT/live.tsv"
lines live "Cost of a pair of map and unmap against live mappings" "$OUT/live.tsv" '$6 > 0 && $3 ~ /^strict/' 6 7 \
	"set logscale x; set xlabel 'mappings that stay meanwhile'; set ylabel '$unit a pair'; set yrange [0:*]"
rm "$OUT/live.tsv"

awk -F'\t' -v OFS='\t' '{ if ($3 == "strict") $5 = 1; $3 = ($2 == "vtd" ? "VT-d" : "AMD-Vi"); print }' "$OUT/map.tsv" >"$OUT/batch.tsv"
lines batch "Batched hypercalls: cost of a pair against pairs in one call" "$OUT/batch.tsv" '$1 == "coop" && $4 == 1 && $6 == 0 && $8 == 0 && $9 > 0 && $9 < 2001' 5 7 \
	"set logscale x 2; set xlabel 'maps (and unmaps) in one hypercall'; set ylabel '$unit a pair'; set yrange [0:*]"
rm "$OUT/batch.tsv"

# Cost against protection: a point for each strategy, with its name.
for mode in iommu coop; do
	awk -F'\t' -v m=$mode 'FNR > 1 && $1 == m && $2 == "vtd" && $4 == "read" && $5 == 32 && $6 == 4096 && $7 == 1 && $8 == 4096 && !($3 in s) { s[$3] = 1; print $20 "\t" ($17 > 0 ? $17 : 1) "\t" $3 }' "$OUT/io.tsv" >"$OUT/protection.dat"
	[ -s "$OUT/protection.dat" ] || continue
	[ $mode = iommu ] && where="on the machine" || where="in a guest"
	figure "protection-$mode" "Cost against protection, 4 KiB reads into 4,096 buffers, $where" "set logscale y; unset key
set xlabel 'modelled cycles a request (prices: tests/costs.tsv)'; set ylabel 'the most pages that the device reached'
set xrange [0:*]; set yrange [10:*]; set offsets graph 0, graph 0.18, 0, 0
plot '$OUT/protection.dat' using 1:2 with points ls 1 ps 1, '' using 1:2:3 with labels left offset 0.8,0.4 notitle"
done
rm -f "$OUT/protection.dat" "$OUT/plot" "$OUT/gnuplot.err"
