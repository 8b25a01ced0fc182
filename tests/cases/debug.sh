# shellcheck shell=sh
# The test build (make DEBUG=1): lock order, watchdog and UBSan's traps each fire when a rule is broken
# on purpose (selftest=), and stay silent while the main cases run.
. tests/lib.sh
own=$B
log=$OUT/debug-build.log
make -s DEBUG=1 B="$OUT/debug" all >"$log" 2>&1
check "it builds" test -s "$OUT/debug/fs.img"
B=$OUT/debug

# fires TEST LINE...: the machine panics, with these lines.
fires() {
	test=$1
	shift
	# shellcheck disable=SC2046
	boot "debug-$test" "watchdog=3 selftest=$test"' script="exit 0"' $(root_disk)
	expect "selftest $test" "$@"
	check "selftest $test: and ends with status 126" test "$status" = 126
}
fires lockorder "seen before: b taken at selftest\+0x[0-9a-f]+ while a was held, taken at selftest" \
	"seen before: c taken at .* while b was held" "panic: lock order: a taken at selftest\+0x[0-9a-f]+ while c is held, taken at selftest"
fires mutexorder "seen before: y taken at .* while x was held" "panic: lock order: x taken at selftest.* while y is held"
fires twice "panic: lock order: a taken at selftest.* while a is held"
fires mutexspin "panic: mutex x taken with interrupts off"
fires deadlock "panic: deadlock: CPU [01] waits at selftest\+0x[0-9a-f]+ for lock a, held by CPU [01], taken at keep"
fires stuck "panic: CPU [01] has not ticked for 3 s: it is at keep"
fires ubsan "panic: undefined behaviour in selftest \(UBSan trap\)"

for CPUS in 2 4; do
	# shellcheck disable=SC2046
	boot "debug-$CPUS" 'script="usertests; edu test && vmctl create b -s \"edu test\" && vmctl assign b 00:05.0 && vmctl start b && vmctl wait b"' \
		$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
	ended "$CPUS CPUs: system calls, files and the DMA contract, on the host and in a guest"
done
unset CPUS
# The demonstration and the hostile guests: their own checks; their logs apart from the normal build's.
mkdir -p "$OUT/debug-story"
log=$OUT/debug-story.out
CPUS=4 B=$B OUT=$OUT/debug-story sh tests/demo.sh >"$log" 2>&1
check "the demonstration: every step of the story holds" test $? = 0
log=$OUT/debug-hostile.tap
B=$B OUT=$OUT/debug-hostile sh tests/cases/hostile.sh >"$log" 2>&1
check "hostile guests: all of it" grep -q '^1\.\.' "$log"
failed=$(grep -A1 "^not ok" "$log" | head -n 2 | tr "\n" " ")
if [ -z "$failed" ]; then ok "hostile guests: no check fails"; else not_ok "hostile guests: no check fails" "$failed"; fi
# The normal build holds nothing of all this.
[ -n "${DEBUG:-}" ] || check "the normal kernel has no watchdog" sh -c "! grep -q 'has not ticked' '$own/halcyon.elf'"
finish
