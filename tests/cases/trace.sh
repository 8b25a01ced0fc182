# shellcheck shell=sh
# Tracing: what `make trace` leaves, held against its format, the contract and QEMU's own trace; that
# nothing is lost in silence; and that to look changes nothing.
. tests/lib.sh
count() { awk -v key="$2" '$1 == key { print $NF }' "$1"; } # of a line "KEY … N"
is_json() { jq -e ".traceEvents | length > 1000" "$1" >/dev/null; }

for kind in vtd amdvi; do
	dir=$OUT/trace-$kind log=$OUT/trace-$kind/trace.log
	mkdir -p "$dir"
	IOMMU=$kind OUT=$dir TRACE_TO=$dir tools/trace.sh >"$dir/out" 2>&1
	code=$?
	check "$kind: make trace records the scene" test "$code" = 0
	check "$kind: the page finds all source lines that it names" sh -c "! grep 'left out' $dir/out"
	for f in txt summary json html; do
		check "$kind: and leaves trace.$f" test -s "$dir/trace.$f"
	done
	check "$kind: no record was overwritten" grep -q '^overwritten before they were read *0$' "$dir/trace.summary"

	# The lines: host and guest on one clock.
	log=$dir/trace.txt
	expect "$kind: the path of a read, from the guest over the VMM to the device and back" \
		' a-[0-9]+ .*: dma_map_sg: device=00:04\.0 dir=2 va=0xffff8' ' host-.*: kvm_exit: vm=a vcpu=0 reason=\.vmcall' \
		' host-.*: kvm_hypercall: vm=a nr=map a0=0x20' ' host-.*: page_pin: vm=a pins=1 hpa=' ' host-.*: map: domain=.* perm=-w' \
		' host-.*: kvm_hypercall_done: vm=a nr=map ret=1' ' a-.*: dma_map_done: device=00:04\.0 err=0' ' a-.*: nvme_setup_cmd: ' \
		' host-.*: irq_handler_entry: irq=[0-9]+ name=a' ' a-.*: irq_handler_entry: irq=[0-9]+ name=nvme' ' a-.*: nvme_complete_rq: ' \
		' a-.*: dma_unmap_sg: ' ' host-.*: kvm_hypercall: vm=a nr=unmap' ' host-.*: unmap: ' ' host-.*: iommu_sync: ' \
		' host-.*: iommu_sync_done: ' ' host-.*: page_unpin: vm=a pins=0' ' a-.*: dma_unmap_done: '
	awk -f tests/trace-order.awk "$log" >"$dir/order"
	log=$dir/order
	check "$kind: no frame has fewer pins than entries that lead to it" grep -q '^wrong 0$' "$dir/order"
	check "$kind: no unpin before its sync has ended, in $(count "$dir/order" unpins) of them" \
		test "$(count "$dir/order" unpins)" -ge 16 -a "$(count "$dir/order" unpins)" = "$(count "$dir/order" unmaps)"

	# QEMU's unit was told as often as the trace says; of attaching a device the trace has no sync.
	domain=$(sed -nE 's/.* host-.*attach_device_to_domain: domain=([0-9]+) device=00:04\.0/\1/p' "$dir/trace.txt" | tail -n 1)
	hex=$(printf '0x%x' "$domain") ours=$(grep -c "host-.*iommu_sync: domain=$domain " "$dir/trace.txt")
	case $kind in
	vtd) told=$(grep -c "iotlb_pages iotlb invalidate domain $hex " "$dir/qemu.trace") ;;
	amdvi) told=$(grep -c "pages for domain $hex invalidated" "$dir/qemu.trace") ;;
	esac
	check "$kind: $ours syncs in the trace, and so many did QEMU's unit see ($told)" test "$ours" = "$told" -a "$ours" -ge 16
	counted=$(awk '$1 == "00:04.0" && NF == 7 { print $3 + $4 }' "$dir/trace.log")
	traced=$(grep -cE "host-.*(map|unmap): domain=$domain " "$dir/trace.txt")
	check "$kind: as many maps and unmaps as the VMM has counted ($counted)" test "$counted" = "$traced"

	# The JSON.
	log=$dir/json
	! command -v jq >/dev/null 2>&1 || check "$kind: it is JSON" is_json "$dir/trace.json"
	awk -f tests/trace-json.awk "$dir/trace.json" >"$dir/json"
	check "$kind: slices nest, arrows pair up, time goes on, no counter is negative" grep -q '^wrong 0$' "$dir/json"
	check "$kind: and all slices end" test "$(count "$dir/json" slices)" = "$(count "$dir/json" ends)" -a "$(count "$dir/json" slices)" -gt 500
	for track in host 'VM a' devices 'IOMMU domains'; do
		check "$kind: there is a track for: $track" grep -q "^process $track [1-9]" "$dir/json"
	done
	expect "$kind: arrows lead from the guest's driver over the VMM to the device and back" '^way VM a > VM a > devices > VM a: 1[6-9]'

	log=$dir/trace.summary
	expect "$kind: the summary has stages, exits by reason, and what took how long" '^kvm_exit +[0-9]+' '^a 00:04\.0 1 map +1[6-9] ' \
		'^a 00:04\.0 5 unmap +1[6-9] ' '^a \.vmcall +[0-9]+ ' '^host iommu_sync +[0-9]+ ' '^host kvm_hypercall unmap +1[6-9] '
done

# Several CPUs on each side, and pages that move: the same holds. The list, one event, wrong use.
disk=$OUT/trace.img
random_disk "$disk" 1
cp "$B/fs.img" "$OUT/trace-smp.img"
script="vmctl create a -m 64 -c 2 -a trace=dma,map,unmap,nvme -s 'sha256sum /dev/nvme0; dmatrace -e dma dd if=/dev/nvme0 of=/dev/null bs=4096 count=1'"
script="$script; dmatrace -o /smp.raw -e map,unmap,iommu,page,kvm_hyp,attach sh -c 'vmctl assign a 00:04.0; vmctl start a; vmctl move a all --every 1ms; vmctl wait a'"
script="$script; dmatrace -i /smp.raw >/smp.txt; dmatrace -i /smp.raw -j >/smp.json; dmatrace -e nvme,dma_unmap dd if=/dev/nvme0 of=/dev/null bs=4096 count=1 skip=3000"
script="$script; dmatrace -l; dmatrace -e nonsense ls; echo status \$?; dmatrace -e nvme none; echo status \$?; dmatrace -i /etc; dmatrace; cat /proc/vmm"
# Nobody reads while there are more records than a ring has room for.
script="$script; echo dma >/dev/trace; dmabench map 00:03.0 -n 10000; dmatrace -s -e dma ls /dev"
# shellcheck disable=SC2046,SC2086
CPUS=2 MEM=512 boot trace-smp "script=\"$(echo "$script" | sed 's/"/\\"/g')\"" $(disk "$OUT/trace-smp.img" 3) $(disk "$disk" 4)
expect "a guest sees its own trace" '^a\| +host-[0-9]+ .* dma_map_sg: device=00:04\.0 '
expect "only the events that were asked for, each with its pair" '^ +host-.* dma_map_sg|^ +host-.* nvme_setup_cmd: device=00:03\.0 qid=' '^ +host-.* dma_unmap_sg: ' '^ +host-.* dma_unmap_done: '
reject "and no others" '^ +host-.* (kvm_|irq_|map:|iommu_)'
expect "the list is a table" '^EVENT +ON +FORMAT' '^kvm_entry +(on|-) +%v vcpu=%d' '^nvme_complete_rq '
expect "wrong use is one line" '^dmatrace: nonsense: no such event' '^status 1' '^dmatrace: none: no such file' '^status 1' '^dmatrace: /etc: no record' '^usage: dmatrace'
expect "/proc/vmm names what the numbers mean, and the guest's clock" '^kvm_exit [0-9]+ \.vmcall' '^kvm_hypercall 3 map' '^vm [0-9]+ a tsc_offset 0xf'
lost=$(sed -n "s/^overwritten before they were read *//p" "$log")
check "what was overwritten is counted: $lost" test "$lost" -gt 10000
check "and with the rest it is all that was recorded" test "$(awk '/^dma_(un)?map_/ && NF == 2 { n += $2 } /^overwritten/ { n += $NF } END { print n }' "$log")" -ge 42400
for f in txt json; do "$B/mkfs" -x "$OUT/trace-smp.img" "/smp.$f" >"$OUT/trace-smp.$f"; done
sum=$(sha "$disk")
expect "the guest has read the disk" "^a\| $sum"
log=$OUT/trace-smp.order
awk -f tests/trace-order.awk "$OUT/trace-smp.txt" >"$log"
check "2 CPUs each, pages that move: pins and entries agree, $(count "$log" unpins) times" test "$(count "$log" wrong)" = 0 -a "$(count "$log" unpins)" -ge 16
check "pages have moved, and none that was pinned" awk '$4 == "page_pin:" { split($8, w, "="); for (i = 5; i <= NF; i++) if ($i ~ /^hpa=/) pins[substr($i, 5)]++ }
	$4 == "page_unpin:" { for (i = 5; i <= NF; i++) if ($i ~ /^hpa=/) pins[substr($i, 5)]-- }
	$4 == "page_move:" { n++; for (i = 5; i <= NF; i++) if ($i ~ /^from=/ && pins[substr($i, 6)] > 0) bad++ }
	END { exit bad || n < 20 }' "$OUT/trace-smp.txt"
log=$OUT/trace-smp.jsonlog
awk -f tests/trace-json.awk "$OUT/trace-smp.json" >"$log"
check "and the JSON is well formed" grep -q '^wrong 0$' "$log"

# To look changes nothing: the same work with and without, by strategies that no tick of the clock flushes.
for on in 0 1; do
	all='' with=''
	[ $on = 0 ] || all='-a trace=all' with='dmatrace -o /raw'
	script="vmctl create a -m 32 $all -s 'dd if=/dev/nvme0 of=/dev/null bs=4096 count=64; dmabench map 00:04.0 -s strict -n 40; dmabench map 00:04.0 -s persistent -p 16 -n 50; cat /proc/dma /proc/iommu'; vmctl assign a 00:04.0; $with sh -c 'vmctl start a; vmctl wait a'; vmctl stats a; cat /proc/iommu"
	# shellcheck disable=SC2046
	MEM=256 boot trace-on-$on "script=\"$script\"" $(root_disk) $(disk "$disk" 4)
	# Calls but for the one that offers the trace; the device's and the domain's counters; the guest's own.
	awk '/^HYPERCALL/ { calls = 1; next } /^pages/ { calls = 0 } calls && $1 != "trace" { print "call", $1, $2 }
		$1 == "00:04.0" && NF == 7 { print "device", $3, $4, $5, $6, $7 } $3 == "00:04.0" { print "domain", $4, $5, $6, $7, $8 }
		$1 == "a|" && $2 == "00:04.0" { print "guest", $3, $4, $5, $6, $7, $8 } $1 == "a|" && $4 == "00:04.0" { print "guest", $5, $6, $7, $8 }' "$log" >"$OUT/trace-on-$on.counts"
done
log=$OUT/trace-on-1.counts
check "tracing changes no count but its own: $(wc -l <"$log") lines of them" cmp "$OUT/trace-on-0.counts" "$log"
check "and they are the whole of it" test "$(grep -c '^call' "$log")" -ge 4 -a "$(grep -c '^guest' "$log")" -ge 2 -a "$(grep -c '^d' "$log")" -ge 2

# The page, in a browser.
browser=$(command -v "${CHROMIUM:-/usr/bin/chromium}")
if ! command -v node >/dev/null 2>&1 || [ -z "$browser" ] || [ ! -d "$B/page/node_modules/playwright-core" ]; then
	[ -z "${NOSKIP:-}" ] || not_ok "the page is looked at" "no node, Chromium or playwright-core"
	ok "the page # SKIP no node, no $(basename "${CHROMIUM:-chromium}") or no playwright-core here: tools/setup.sh ci installs them"
else
	log=$OUT/trace-page.log
	for kind in vtd amdvi; do
		NODE_PATH=$B/page/node_modules timeout 600 node tests/page/steps.js "$OUT/trace-$kind/trace.html" "$OUT/trace-$kind/page.png" >"$log" 2>&1
		while read -r line; do
			case $line in
			'ok '*) ok "$kind, page: ${line#ok }" ;;
			*) not_ok "$kind, page: ${line#not ok }" "see the log" ;;
			esac
		done <"$log"
		check "$kind, page: a picture of it is in $OUT/trace-$kind/page.png" test -s "$OUT/trace-$kind/page.png"
	done
fi
finish
