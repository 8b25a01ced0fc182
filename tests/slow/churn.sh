# shellcheck shell=sh
# VMs that are made, run and are killed at a random moment, 250 on each of four machines (CHURN=4: 1,000
# on each): no frame, byte of the heap, domain or vector is lost. A grant that is lost keeps a pin, with
# which no frame is freed.
. tests/lib.sh
LIMIT=7200
disk=$OUT/churn.img
random_disk "$disk" 4
want=$(sha "$disk")
state='sleep 1; echo == state; cat /proc/mem; cat /proc/iommu; cat /proc/interrupts; echo == end'
# The first VM fills what stays: caches, and table pages of the host's own.
first='vmctl create v -c 4; vmctl assign v 00:04.0; vmctl assign v 00:05.0; vmctl start v; vmctl wait v nvme0; vmctl destroy v'
seed=0
for IOMMU in vtd amdvi; do
	for CPUS in 2 4; do
		seed=$((seed + 1)) run='' me="$IOMMU, $CPUS CPUs"
		for i in $(seq "${CHURN:-1}"); do run="$run sh /tests/churn-$(((seed + i - 2) % 4 + 1)).sh;"; done
		# shellcheck disable=SC2046
		boot "churn-$IOMMU-$CPUS" "script=\"$first; $state; $run $state; sha256sum /dev/nvme1; edu fact 5\"" \
			$(root_disk) $(disk "$disk" 4) -device edu,addr=5,dma_mask=0xffffffff
		ended "$me: the host ends well"
		check "$me: all rounds are done" test "$(grep -c '^250 rounds are over' "$log")" = "${CHURN:-1}"
		# What may differ: counts of events, a domain's id, which vector it is; and who of caches and
		# heap has pages to spare.
		awk '/^== state/ { n++; on = 1 } /^== end/ { on = 0 }
			on && $1 ~ /^(FREE|CACHE|HEAP)$/ { spare[n] += $2 }
			on && $1 ~ /^(KERNEL|TABLE|DMA|VM|STACK|USER|\(BYTES\))$/ { line = $0 }
			on && $3 ~ /:/ { line = "domain " $2 " " $3 " pages " $7 }
			on && $1 ~ /^0x/ { line = "vector " $3 " " $4 }
			line != "" { print line >(out "." n); line = "" }
			END { for (i in spare) print "FREE, CACHE and HEAP " spare[i] >(out "." i) }' out="$OUT/churn.state" "$log"
		for k in 1 2; do sort "$OUT/churn.state.$k" >"$OUT/churn-$IOMMU-$CPUS.state.$k"; done
		check "$me: frames, heap, domains and vectors are as before" cmp "$OUT/churn-$IOMMU-$CPUS.state.1" "$OUT/churn-$IOMMU-$CPUS.state.2"
		expect "$me: some were killed at work, and some pages moved" "^VM +0$" "vm v: killed"
		expect "$me: the devices are the host's again" "^$want" "^120$"
	done
done
finish
