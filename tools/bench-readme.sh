#!/bin/sh
# Puts the tables that `make bench` has made into README.md, between <!-- bench: NAME --> and
# <!-- bench end -->.
set -eu
cd "$(dirname "$0")/.."
OUT=${OUT:-${B:-build}/bench}
for name in $(sed -n 's/^<!-- bench: \(.*\) -->$/\1/p' README.md); do
	[ "$(wc -l <"$OUT/$name.md")" -gt 2 ] || { echo "bench-readme: $OUT/$name.md is not there or empty: run the whole of make bench first" >&2; exit 1; }
done
awk -v out="$OUT" '/^<!-- bench: .* -->$/ { print; while ((getline line < (out "/" $3 ".md")) > 0) print line; skip = 1 }
	/^<!-- bench end -->$/ { skip = 0 } !skip { if (!/^<!-- bench: /) print }' README.md >"$OUT/README.new"
cat "$OUT/README.new" >README.md
rm "$OUT/README.new"
