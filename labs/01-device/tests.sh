# shellcheck shell=sh
# Lab 1. Handout: 0/50
. labs/lib.sh
number=$((13 + $(seed_number fact 20))) second=$((13 + $(seed_number fact2 20)))
# What a device of 32 bits computes, in two halves: awk counts in floating point.
factorial() {
	awk -v n="$1" 'BEGIN { for (lo = 1; n; n--) { lo *= n; hi = (hi * n + int(lo / 65536)) % 65536; lo %= 65536 } printf "%.0f\n", hi * 65536 + lo }'
}
reg() { # read|write OFFSET VALUE: an access to a register of the student's edu, in QEMU's trace
	echo "memory_region_ops_$1 .*addr 0x[0-9a-f]+${2} value $3 size 4 name 'edu-mmio'"
}
config="pci_cfg_write edu 00:$edu_slot.0"

# Messages are enabled when, and only when, all of them is written: never half a message.
whole_message() {
	awk -v config="$config" 'index($0, config) != 1 { next }
		$4 == "@0x42" { on = $6 ~ /[13579bdf]$/; if (on && seen["@0x44"] && seen["@0x48"] && seen["@0x4c"]) whole = 1 }
		$4 ~ /@0x4[48c]/ { if (on) half = 1; seen[$4] = 1 }
		END { exit !whole || half }' "$trace"
}
# Between the number and its factorial an interrupt comes and is acknowledged, and nobody polls.
by_interrupt() { # NUMBER RESULT
	awk -v n="$(printf 0x%x "$1")" -v r="$(printf 0x%x "$2")" '
		/edu-mmio/ && $1 ~ /write/ && $7 ~ /08$/ { wait = $9 == n; irq = ack = reads = 0 }
		!wait { next }
		/apic-msi/ && $3 == "-1" { irq = 1 } # of no CPU
		/edu-mmio/ && $1 ~ /read/ && $7 !~ /24$/ { reads++ }
		/edu-mmio/ && $1 ~ /write/ && $7 ~ /64$/ && $9 == "0x1" && irq { ack = 1 }
		/edu-mmio/ && $1 ~ /read/ && $7 ~ /08$/ && $9 == r && ack && reads == 1 { found = 1 }
		END { exit !found }' "$trace"
}

begin capabilities 5
log=$OUT/pci_test.log
timeout "$LIMIT" make -s "$B/host/pci_test" >"$log" 2>&1 && timeout "$LIMIT" env -u SEED "$B/host/pci_test" >>"$log" 2>&1
need '^ok [0-9]+ - pci: a capability is found' '^ok [0-9]+ - pci: one that is not there' '^ok [0-9]+ - pci: no list' \
	'^ok [0-9]+ - pci: a list that bites its tail'

begin bars 5
need '^ok [0-9]+ - pci: a memory BAR' '^ok [0-9]+ - pci: a BAR of ports' '^ok [0-9]+ - pci: registers at another place'

begin wide-bars 5
need '^ok [0-9]+ - pci: a BAR of 64 bits' '^ok [0-9]+ - pci: and may be larger'

begin bound 5
traces='memory_region_ops_* pci_cfg_* pci_update_mappings_*'
# shellcheck disable=SC2046
IOMMU=none run lab1 "root=module script=\"lspci; edu fact $number; edu -d /dev/edu1 fact $second; edu fact 100000000; edu fact 150000000; edu fact 5; edu fact 200000000; cat /proc/interrupts\"" \
	$(root_module) $(edu "$edu_slot") $(edu "$twin_slot")
need "edu 00:$edu_slot.0: edu0" "edu 00:$twin_slot.0: edu1" "^00:$edu_slot.0 1234:11e8 class 00ff00 edu"
traced "pci_update_mappings_add edu 00:$edu_slot.0 0,.*\+0x100000" "$(reg read 00 0x10000ed)"

begin message 10
traced "$config @0x44 <- 0xfee0[0-9a-f]{4}" "$config @0x48 <- 0x0" "$config @0x4c <- 0x[3-9a-d][0-9a-f]$" "$config @0x42 <- 0x81"
that "edu's message should be enabled when it is whole, and off while it changes ($trace)" whole_message

begin factorial 5
result=$(factorial "$number") result2=$(factorial "$second")
need '^00:.*edu$' "^$result$" "^$result2$"
traced "$(reg write 08 "$(printf 0x%x "$number")")" "$(reg read 08 "$(printf 0x%x "$result")")" \
	"$(reg read 08 "$(printf 0x%x "$result2")")"

begin interrupt 5
that "$number should be followed by an interrupt, its acknowledgement, and one read of the result ($trace)" \
	by_interrupt "$number" "$result"

begin patience 5
need "^$result2$" '^0$' '^0$' '^120$' '^0$' '^VECTOR'
never 'edu: fact'

begin answers 5
answers labs/01-device
score
