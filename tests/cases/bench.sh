# shellcheck shell=sh
# The counters of the DMA layer against QEMU's own trace of what its VT-d unit was told; and figures
# that must not depend on the run.
. tests/lib.sh
export CPU=EPYC CPUS=1 IOMMU=vtd
QEMUEXTRA="-icount shift=0,sleep=on"
head -c 1048576 /dev/zero >"$OUT/bench.img"
script="dmabench map 00:04.0 -s strict -n 500; dmabench map 00:04.0 -s deferred -n 2000; dmabench map 00:04.0 -s persistent -n 500; dmabench map 00:04.0 -s batched -b 32 -n 20; dmabench map 00:04.0 -s static -n 500; dmabench map 00:04.0 -s strict -n 10; cat /proc/iommu"
for n in 1 2; do
	# shellcheck disable=SC2046
	boot bench-$n "script=\"$script\"" $(root_disk) $(disk "$OUT/bench.img" 4) \
		-trace 'vtd_inv_desc_iotlb*' -D "$OUT/bench-$n.trace"
	grep -P '^[a-z]+\t' "$log" >"$OUT/bench-$n.tsv"
done
ended "it runs"
domain=$(awk '$3 == "00:04.0" && $2 == "vtd" { print $1, $6 }' "$log")
id=$(printf '0x%x' "${domain% *}") counted=${domain#* }
# What attaching the device told the unit is no invalidation of a mapping's.
traced=$(awk -v id="$id" '/iotlb_pages/ { for (i = 1; i < NF; i++) if ($i == "domain" && $(i + 1) == id) n++ } /iotlb_domain/ && $0 ~ "domain " id "$" { n++ } END { print n - 1 }' "$OUT/bench-2.trace")
check "as many invalidations as QEMU's unit was told: $counted" test "$counted" = "$traced"
check "and there are thousands" test "${counted:-0}" -gt 1000
check "the same figures in a second run, but for a tick of the clock" \
	awk -F'\t' 'NR == FNR { c[NR] = $5; i[NR] = $6; next } { d = $5 - c[FNR]; if (d < 0) d = -d; bad += d > 3 + $5 / 100 || $6 != i[FNR] } END { exit bad || FNR < 6 }' "$OUT/bench-1.tsv" "$OUT/bench-2.tsv"
# columns: strategy pages batch live instructions, invalidations and exits times 1000, ...
row() { awk -F'\t' -v s="$1" -v c="$2" '$1 == s { print $c; exit }' "$OUT/bench-1.tsv"; }
check "strict: one invalidation a pair" test "$(row strict 6)" = 1000
check "deferred: one for 250" test "$(row deferred 6)" = 4
check "batched: one for 32" test "$(row batched 6)" = 31
check "persistent and static: none" test "$(row persistent 6)$(row static 6)" = 00
check "strict costs less than 1,200 instructions a pair" test "$(row strict 5)" -le 1200
check "deferred costs less than 500" test "$(row deferred 5)" -le 500
# A strategy that is left while something waits for its tick must find the tick again later.
# shellcheck disable=SC2046
boot bench-again 'script="dmabench map 00:04.0 -s deferred -n 10; echo strategy 00:04.0 strict >/dev/dma; sleep 0.1; dmabench map 00:04.0 -s deferred -n 10; sleep 0.1; cat /proc/dma"' \
	$(root_disk) $(disk "$OUT/bench.img" 4)
check "deferred, left and taken up again: nothing is exposed for long" \
	test "$(awk '$1 == "00:04.0" { print $2, $8 }' "$log")" = "deferred 0"
# A small matrix in two parts makes the tables that one run makes; and what was aimed at holds.
tiny=$OUT/bench-tiny
rm -rf "$tiny" && mkdir -p "$tiny"
for part in 1/2 2/2; do
	MATRIX="direct:none:io host:vtd:io guest:vtd:io" SHARD=$part BENCH_OUT=$tiny QEMUEXTRA='' tools/bench.sh >"$tiny/out" 2>>"$tiny/progress"
done
check "each part says how far it is" test "$(grep -c '^bench: [123] of 3, ' "$tiny/progress")" = 3
cp "$tiny/io.md" "$tiny/io.tsv" "$OUT" && cat "$tiny"/raw-*.tsv >"$OUT/bench-raw.tsv"
rm -rf "$tiny" && mkdir -p "$tiny" && cp "$OUT/bench-raw.tsv" "$tiny/raw-1-1.tsv"
OUT=$tiny tools/bench-tables.sh >"$tiny/out" 2>>"$tiny/progress"
check "the parts together are as one run" sh -c "cmp '$OUT/io.md' '$tiny/io.md' && cmp '$OUT/io.tsv' '$tiny/io.tsv'"
check "a model's cycles are called so" grep -q 'modelled cycles' "$tiny/io.md"
# mode IOMMU strategy workload depth bytes processes arena requests instructions ticks maps invalidations
# hypercalls exits interrupts peak ...
io() { awk -F'\t' -v m="$1" -v s="$2" -v c="$3" '$1 == m && $3 == s && $4 == "read" && $7 == 1 && !n++ { print $c }' "$tiny/io.tsv"; }
at_most() { # NAME MODE STRATEGY COLUMN LIMIT
	check "$1: $(io "$2" "$3" "$4") (at most $5)" test "$(io "$2" "$3" "$4")" -le "$5"
}
at_most "a request, native, direct" direct direct 10 2500
at_most "native, strict" iommu strict 10 4000
at_most "in a guest, strict" coop strict 10 8000
at_most "batched" coop batched 10 5000
at_most "persistent" coop persistent 10 2700
at_most "static" coop static 10 2700
at_most "persistent: exits in 1,000 requests" coop persistent 15 50
at_most "persistent: pages of 65,536" coop persistent 17 1310
check "a page of a request is mapped once, and unmapped: 2 hypercalls" test "$(($(io coop strict 14) / 10))" = 200
check "the tables in README.md have the columns that make bench prints" awk '
	/^<!-- bench: / { want = $3; next }
	want { file = dir "/" want ".md"; if ((getline line < file) > 0 && (getline x < file) > 0 && (getline x < file) > 0 && line != $0) { print want ": " $0; bad = 1 } n++; want = "" }
	END { exit bad || n < 6 }' dir="$tiny" README.md
finish
