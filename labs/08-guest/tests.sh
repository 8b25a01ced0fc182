# shellcheck shell=sh
# Lab 8. Handout: 0/50
. labs/lib.sh
here=labs/08-guest
# One CPU, and time that is made of instructions: what is early or late here, is so everywhere.
clock="-icount shift=3,sleep=off"
export CPUS=1
ulimit -f 200000 # 100 MB of trace: an interrupt without end would fill the disk
mib=$((20 + $(seed_number mem 20)))
seed=$((4096 + $(seed_number order 16777216)))
us=$((1000 + $(seed_number period 500)))
ms=$((300 + $(seed_number sleep 600)))
file=$B/guest.img
size=$(($(wc -c <"$file")))
sum=$(cksum "$file" | cut -d' ' -f1)
hex() { printf "%0${2}x" "$1"; }

# What comes first, for this seed: tests/guest/basics.c, try_order() and try_window().
expected() {
	awk -v x="$seed" 'BEGIN {
		first = x
		while (n < 6) {
			x = (x * 1103 + 12345) % 2147483648
			v = 64 + int(x / 512) % 176
			if (!used[v]++)
				n++
		}
		for (v = 255; v > 0; v--)
			if (used[v])
				order = order sprintf(" %02x", v)
		a = 128 + x % 15
		printf "order=\"%s\" nested=\"%02x (b7) %02x 50\"\n", substr(order, 2), a, a + 1
		printf "low=%02x high=%02x\n", 64 + first % 32, 96 + first % 32
	}'
}
order='' nested='' low='' high=''
eval "$(expected)"

# What QEMU itself has delivered to guests, from its log: $delivered, a line of vectors; and each
# time with the flags as they were.
interrupts() {
	that "$trace has no end: is one interrupt delivered again and again?" test "$(wc -c <"$trace")" -lt 90000000
	delivered=" $(sed -n 's/^Servicing virtual hardware INT=0x//p' "$trace" | head -n 2000 | tr '\n' ' ')"
}
delivered() { # WHAT VECTORS
	that "$1: QEMU should have delivered $2, one after the other: grep virtual $trace" \
		test "${delivered#* "$2" }" != "$delivered"
}
not_masked() {
	awk '/^Servicing virtual/ { n++; open = 1 }
		open && match($0, /RFL=[0-9a-f]*/) { open = 0; if (substr($0, RSTART + RLENGTH - 3, 1) !~ /[2367abef]/) bad = 1 }
		END { exit bad || !n }' "$trace"
}
# A guest that does not end by itself is killed after two seconds of the machine.
vm() { # NAME OPTIONS
	printf 'vmctl create %s -k /tests/basics %s; vmctl start %s; sleep 2 && vmctl kill %s & vmctl wait %s; ' "$1" "$2" "$1" "$1" "$1"
}

begin info 5
# shellcheck disable=SC2046,SC2086
run lab8 "root=module script=\"$(vm f "-m $mib -a info=1")$(vm o "-m 24 -r '' -a order=$(hex $seed 1)")$(vm w "-m 24 -r '' -a window=$(hex $seed 1)")$(vm t "-m 24 -r '' -a timer=$(hex $us 1)")echo the host lives\"" \
	$(root_module) $clock -d in_asm,int -dfilter 0x1+0x1
interrupts
need "^f\| module $(hex $(((mib << 20) - size)) 8) cksum $(hex "$sum" 8)" '^f\| over' '^the host lives'
need '^f\| memory 00000000 bytes 0009f000 usable' "^f\| memory 00100000 bytes $(hex $(((mib - 1) << 20)) 8) usable"
that "no other memory should be usable in the guest's map" test "$(grep -c '^f| memory .* usable' "$log")" = 2
need '^f\| ok the RSDP is whole' '^f\| over'
need '^f\| ok the last tag' '^f\| over'

begin order 10
need "^o\| order $order$" "^o\| nested $(echo "$nested" | sed "s/[()]/./g")$" '^o\| above 91 a0$' '^o\| above 80 9e$' '^o\| above 00 75$' \
	'^o\| turned off$' '^o\| turned on 66$' '^o\| over' '^the host lives'
never '^o\| FAILED'
delivered "in order" "$order $(echo "$nested" | tr -d '()') a0 9e 75 66"

begin window 5
need '^w\| ok two that come' "^w\| two $high $low$" '^w\| ok one that comes' "^w\| one $low$" "^w\| hlt $high $high $high$" \
	"^w\| three times the same $high$" '^w\| ok none comes early' '^w\| over' '^the host lives'
delivered "what came while interrupts were off" "$high $low $low $high $high $high $high"
that "no interrupt should be delivered with IF = 0: see RFL behind 'Servicing virtual' in $trace" not_masked

begin timer 10
need '^t\| ok 3 ms' '^t\| once f1$' '^t\| ok by 2' '^t\| ok by 16' '^t\| ok by 128' '^t\| ok of 10 ms' '^t\| stopped$' \
	'^t\| masked$' '^t\| ok 10 periods' '^t\| after five periods .* f1$' '^t\| over' '^the host lives'
never '^t\| FAILED'
that "QEMU should have delivered the timer's interrupt 15 times: grep -c 'virtual.*0xf1' $trace" \
	test "$(echo "$delivered" | tr ' ' '\n' | grep -c '^f1$')" = 15

# The kernel itself, with three CPUs.
begin kernel 5
# shellcheck disable=SC2046,SC2086
run lab8-kernel "root=module script=\"$(vm i "-m 24 -c 2 -r '' -a ipi=1")vmctl create k -m $mib -c 3 -s 'sha256sum /bin/usertests; cat /proc/cpus; echo ready; sleep 0.$ms; echo slept; dd if=/dev/console of=/in bs=16 count=1; grep ell /in; sleep 100'; vmctl start k; sleep 5 && vmctl kill k & vmctl wait k ready; cat /proc/cpus; vmctl wait k slept; cat /proc/cpus; vmctl send k hello; vmctl wait k hello; sleep 0.2; vmctl stats k; sleep 1; vmctl stats k; vmctl stop k; vmctl status k; echo the host lives\"" \
	$(root_module) $clock -d in_asm,int -dfilter 0x1+0x1
interrupts
need '^k\| .*Halcyon: booted by multiboot2' '^k\| .*fs: root on module' "^k\| $(sha "$B/user/usertests") " '^k\| ready' '^the host lives'

begin alive 5
need '^k\| slept' '^k\| hello' '^k\| .*power button' '^k +ended .*powered off' '^the host lives'
idle=$(awk '$1 == "0" && NF == 4 { was = now; now = $2 } /timer: TSC/ && !khz { for (i = 1; i < NF; i++) if ($i == "TSC") khz = $(i + 1) * 1000 }
	END { printf "%d\n", khz ? (now - was) / khz : 0 }' "$log")
that "the guest slept for $ms ms, so the host should have been idle for as long: it was for $idle" \
	test "$idle" -ge $((ms - 30)) -a "$idle" -le $((ms + 30))
case $delivered in *" 30 "*" 31 "*) ;; *) fail "QEMU should have delivered the console's interrupt (0x30) and the button's (0x31): grep virtual $trace" ;; esac
exits=$(awk '$1 == "all" { was = now; now = $2; n++ } END { print n == 2 ? now - was : "unknown" }' "$log")
that "a guest that sleeps exits 30 times in a second at most; this one: $exits" test "$exits" -le 30

begin cpus 5
need '^i\| ipi 47 45 43 42 41$' '^i\| ok a SIPI' '^i\| ok in real mode' '^i\| over' '^k\| .*smp: 3 CPUs' '^k\| 2[[:space:]]' '^k\| ready' '^the host lives'
delivered "by its command register" "47 45 43 42 41"
that "QEMU should have seen a VMCB for each CPU, that is 5: grep vmrun! $trace" \
	test "$(grep '^vmrun!' "$trace" | sort -u | wc -l)" -eq 5

begin answers 5
answers "$here"
score
