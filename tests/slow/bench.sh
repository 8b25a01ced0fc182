# shellcheck shell=sh
# README.md's tables are those that `make bench` prints: each number of a fresh run is within a tenth
# of the one there. Pages times microseconds depend on the clock, and are not compared.
# With few requests under way, a disk that is done before its driver sleeps saves the sleep, as is seen
# on a busy machine: there only more is wrong.
. tests/lib.sh
fresh=$OUT/bench-whole
rm -rf "$fresh" && mkdir -p "$fresh"
log=$fresh/out
BENCH_OUT=$fresh IOMMU='' QEMUEXTRA='' tools/bench.sh >"$log" 2>"$fresh/progress"
check "make bench runs through" test $? = 0
check "and leaves its figures" test "$(ls "$fresh"/*.svg | wc -l)" -ge 10
awk -v dir="$fresh" -F' *[|] *' '
	/^<!-- bench: / { split($0, w, " "); name = w[3]; file = dir "/" name ".md"; row = 0; next }
	/^<!-- bench end/ { if (name != "" && (getline line < file) > 0) print name ": a row more: " line; name = ""; next }
	name != "" {
		if ((getline line < file) <= 0) { print name ": no such row: " $0; next }
		n = split(line, f, / *[|] */)
		if (++row == 1) { split($0, head, / *[|] */); if (line != $0) print name ": " line; next }
		for (i = 2; i < n; i++) {
			if (head[i] ~ /^depth [1248]$/ && f[i] + 0 < $i + 0) continue
			a = $i; b = f[i]; gsub(/[*()%]/, "", a); gsub(/[*()%]/, "", b)
			if (a ~ /^[0-9]/ && head[i] !~ /exposed/) { d = a - b; if (d < 0) d = -d; if (d > a / 10 + 0.05) print name ": " head[i] ": " $i " in README.md, " f[i] " now, row " $2 " " $3 }
			else if (head[i] !~ /exposed/ && a != b) print name ": " $i " and " f[i]
		}
	}' README.md >"$fresh/differences"
check "README.md's numbers are those" test ! -s "$fresh/differences"
finish
