# shellcheck shell=sh
# Lab 7. Handout: 0/50
. labs/lib.sh
here=labs/07-vmrun
guest='-m 24 -k /tests/vmrun -r \"\"'
seed=$((0x1000000 + $(seed_number vmrun 16777216)))
ends_with=$((16 + $(seed_number status 100)))

# What the guest must find (tests/guest/vmrun.c), and where it must touch memory for the first time.
memory() {
	awk -v x="$seed" 'BEGIN {
		for (c = 1; c < 12; c++) {
			x = (x * 1103 + 12345) % 2147483648
			page = c * 512 + int(x / 512) % 512
			sum = (sum * 17 + x + page) % 2147483648
			printf "vmexit\\(00000400, [0-9a-f]*, %016x,\n", page * 4096
		}
		printf "%08x\n", sum
	}'
}
memory >"$OUT/lab7.memory"
sum=$(tail -n 1 "$OUT/lab7.memory")

# One boot for all. QEMU itself says of each VMRUN and each exit: code, EXITINFO1, EXITINFO2, RIP.
start() { # NAME OPTION [MORE]
	printf 'vmctl create %s %s -a %s %s; vmctl start %s; vmctl wait %s; vmctl status %s; vmctl destroy %s; ' "$1" "$guest" "$2" "${3:-}" "$1" "$1" "$1" "$1"
}
begin enter 5
# shellcheck disable=SC2046
run lab7 "script=\"$(start a "run=$(printf %x $seed)" '-c 3')$(start b beyond=1800000)$(start m msr=c0010117)$(start v vmrun=1)$(start e "end=$(printf %x $ends_with)")echo the host lives; cat /proc/mem\"" \
	$(root_disk) -d in_asm -dfilter 0x1+0x1
traced '^vmrun! [0-9a-f]*000$' 'vmexit\(00000400, [0-9a-f]*, 000000000010[0-9a-f]*, 000000000010[0-9a-f]*\)'
need '^the host lives'

begin memory 10
need '^a\| in the guest' "^a\| sum $sum" '^the host lives' '^VM +0$'
while read -r line; do
	case $line in vmexit*) traced "$line" ;; esac
done <"$OUT/lab7.memory"
that "one nested fault should be enough for what it touches: see $trace" \
	test "$(grep -c 'vmexit(00000400' "$trace")" -lt 150

begin beyond 5
need '^b +ended .*write of gpa 0x1800000 at rip 0x10[0-9a-f]*: nothing is there' '^the host lives'
traced 'vmexit\(00000400, [0-9a-f]*, 0000000001800000,'

begin cpuid 10
need '^a\| sum' '^a\| ok CPUID: the highest' '^a\| ok .*leaf that is not' '^a\| ok .*subleaf' '^a\| ok .*leaf 7' '^a\| ok .*leaf 1' \
	'^a\| ok .*three CPUs' '^a\| ok .*OSXSAVE' '^a\| ok .*no SVM' '^a\| ok .*topology' '^a\| ok .*TSC' '^a\| over'
that "QEMU should have seen 16 exits by CPUID: see $trace" test "$(grep -c 'vmexit(00000072' "$trace")" -ge 16

begin ports 10
need '^a\| ok port: a byte' '^a\| ok .*a word' '^a\| ok .*32 bits' '^a\| ok .*in the instruction' '^a\| ok .*power-off' '^a\| ok .*nobody' '^a\| over' \
	"^e +ended .*status $ends_with" '^the host lives'
traced 'vmexit\(0000007b, 0000000003f8' 'vmexit\(0000007b, 0000000000f4'

begin hide 5
need '^m +ended .*triple fault at rip 0x10' '^v +ended .*triple fault at rip 0x10' '^the host lives'
never '^m\| read'
traced 'vmexit\(0000007c, 0000000000000000,' 'vmexit\(00000080,'

begin answers 5
answers "$here"
score
