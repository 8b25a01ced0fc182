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
finish
