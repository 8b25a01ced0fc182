# shellcheck shell=sh
# CHURN (5) times 200 VMs that are made, run and are killed at a random moment: no frame, heap
# object, domain or vector is lost. A grant that is lost keeps a pin, with which no frame is freed.
. tests/lib.sh
LIMIT=3600
disk=$OUT/churn.img
random_disk "$disk" 4
want=$(sha "$disk")
state='sleep 1; echo == state; cat /proc/mem; cat /proc/iommu; cat /proc/interrupts; echo == end'
run='sh /tests/churn.sh; sleep 1'
more=
for i in $(seq $((${CHURN:-5} - 1))); do more="$more; $run"; done
for i in vtd amdvi; do
	# The first VM fills what stays: caches, and table pages of the host's own.
	# shellcheck disable=SC2046,SC2086
	IOMMU=$i CPUS=2 boot "churn-$i" "script=\"vmctl create v; vmctl assign v 00:04.0; vmctl assign v 00:05.0; vmctl start v; vmctl wait v nvme0; vmctl destroy v; $state; $run$more; $state; sha256sum /dev/nvme1; edu fact 5\"" \
		$(root_disk) $(disk "$disk" 4) -device edu,addr=5,dma_mask=0xffffffff
	ended "$i: the host ends well"
	check "$i: all rounds are done" test "$(grep -c '^200 rounds are over' "$log")" = "${CHURN:-5}"
	# What may differ: counts of events, the id that a domain gets, which vector it is; and pages of
	# the heap, which keeps those that it once needed, while its objects are as many as before.
	awk '/^== state/ { n++; on = 1 } /^== end/ { on = 0 }
		on && $1 ~ /^(FREE|KERNEL|HEAP|TABLE|DMA|VM|STACK|USER|CACHE|\(OBJECTS\))$/ { line = $0 }
		on && $3 ~ /:/ { line = "domain " $2 " " $3 " pages " $7 }
		on && $1 ~ /^0x/ { line = "vector " $3 " " $4 }
		line != "" { print line >(out "." n); line = "" }' out="$OUT/churn-$i.state" "$log"
	for k in 1 2; do sort "$OUT/churn-$i.state.$k" | grep -v '^FREE\|^CACHE\|^HEAP' >"$OUT/churn-$i.sorted.$k"; done
	check "$i: frames, objects, domains and vectors are as before" cmp "$OUT/churn-$i.sorted.1" "$OUT/churn-$i.sorted.2"
	check "$i: what the VMs had is free again" awk '$1 == "FREE" || $1 == "CACHE" || $1 == "HEAP" { sum[FILENAME] += $2 }
		END { for (f in sum) { if (!first) first = sum[f]; bad += sum[f] != first } exit !(first && !bad) }' \
		"$OUT/churn-$i.state.1" "$OUT/churn-$i.state.2"
	expect "$i: the devices are the host's again" "^$want" "^120$"
done
finish
