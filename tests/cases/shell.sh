# shellcheck shell=sh
# The shell at the console, driven over the serial line: editing, history, completion, jobs and
# Ctrl-C, Ctrl-P, Ctrl-D. Keys are sent when the prompt is there, and never by the clock.
. tests/lib.sh
log=$OUT/shell.log
keys=$OUT/shell.keys
rm -f "$keys"
mkfifo "$keys" || exit 2
: >"$log"
mark=0 # bytes in the log when keys were last sent
# shellcheck disable=SC2046,SC2086
"$QEMU" -M q35 -accel "${ACCEL:-tcg}" -cpu max -m 512 -smp "${CPUS:-2}" -nodefaults -vga none \
	-display none -serial stdio -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4 $(iommu) \
	-kernel "$B/halcyon.elf" $(root_disk) ${QEMUEXTRA:-} <"$keys" >"$log" 2>"$log.err" &
pid=$!
exec 3>"$keys"
trap 'kill -9 $pid 2>/dev/null' EXIT
trap '' PIPE

# wait_until COMMAND...: until it succeeds, for LIMIT seconds, or the machine ends.
wait_until() {
	tries=$((LIMIT * 10))
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] && kill -0 "$pid" 2>/dev/null || return 1
		sleep 0.1
	done
}

at_prompt() {
	[ "$(wc -c <"$log")" -gt "$mark" ] && [ "$(tail -c 2 "$log")" = '$ ' ]
}

# What came since then, without carriage returns.
news() {
	tail -c +"$((mark + 1))" "$log" | tr -d '\r'
}

has() { # has PATTERN
	news | grep -qE -- "$1"
}

# keys FORMAT: typed when the shell is ready for them.
keys() {
	wait_until at_prompt
	mark=$(wc -c <"$log")
	# shellcheck disable=SC2059
	printf "$1" >&3
}

# line NAME KEYS PATTERN...: after these keys, each pattern matches a line.
line() {
	name=$1
	keys "$2"
	shift 2
	for pattern in "$@"; do
		wait_until has "$pattern" && continue
		not_ok "$name" "missing: $pattern"
		return
	done
	ok "$name"
}

# Until it ends the job: the first may come before the shell's child has become the job.
interrupted() {
	at_prompt && return
	printf '\003' >&3
	sleep 0.2
	at_prompt
}

# interrupt NAME COMMAND: Ctrl-C ends it, and that is a failure.
interrupt() {
	keys "$2\n"
	wait_until interrupted
	line "$1" 'echo status $?\n' '^status -1$'
}

line "a command" 'echo hello\n' '^hello$'
line "left, and a character in the middle" 'echo ac\033[Db\n' '^abc$'
line "Ctrl-A and Ctrl-E" 'cho abc\001e\005d\n' '^abcd$'
line "Home and End" 'cho abc\033[He\033[Fd\n' '^abcd$'
line "backspace" 'echo abx\177c\b\bbc\n' '^abc$'
line "delete" 'echo xab\033[D\033[D\033[D\033[3~\n' '^ab$'
line "Ctrl-K" 'echo yesno\033[D\033[D\013\n' '^yes$'
line "Ctrl-U" 'no such thing\025echo clean\n' '^clean$'
line "Ctrl-W" 'echo one two\027three\n' '^one three$'
line "Ctrl-D deletes in a line, and ends nothing" 'echo xab\033[D\033[D\033[D\004\005\004\n' '^ab$'
line "a key that nobody knows does nothing" 'echo f5\033[15~-\001\005\007ok\n' '^f5-ok$'
keys 'echo first\n'
keys 'echo second\n'
line "history: up" '\033[A\033[A\n' '^first$'
line "history: down, and a line from it edited" '\033[A\033[A\033[A\033[B-again\n' '^second-again$'
line "history: down to the line that was being typed" 'echo mine\033[A\033[A\033[B\033[B!\n' '^mine!$'
keys 'echo dropped\003'
line "Ctrl-C drops the line" 'echo kept\n' '^kept$'
reject "and it does not run" '^dropped'
line "Tab: a command" 'ech\tTabbed\n' '^Tabbed$'
line "Tab: a path" 'ls /te\tbadi\t\n' '^/tests/badinput.sh$'
line "Tab: what it may become" 'ls /bin/s\t\n' 'sh  sha256sum  sleep  $'
keys 'echo go; cat; echo over\n'
wait_until has '^go'
printf 'wx\bord\n\004' >&3
check "a program reads lines, backspace takes back, and Ctrl-D ends them" wait_until has '^word$'
line "and the shell goes on" 'echo on\n' '^on$'

keys 'sleep 1000 &\n'
interrupt "Ctrl-C: sleep" 'sleep 1000'
interrupt "Ctrl-C: a pipeline" 'cat | cat | wc'
interrupt "Ctrl-C: a busy loop" "echo $(printf '%060d' 0) | grep '0*0*0*0*0*0*0*0*0*0*0*1'"
interrupt "Ctrl-C: what \$( ) runs" '$(sleep 1000)'
interrupt "Ctrl-C: the rest of the line" 'sleep 1000; echo survived'
keys "echo 'sleep 1000; echo survived' >/s\n"
interrupt "Ctrl-C: a script" 'sh /s'
reject "and all of it" '^survived'
line "of all these nothing is left" 'ps >/p; echo left $(grep -c "cat$" /p) $(grep -c "grep$" /p)\n' '^left 0 0$'
line "what runs in the background has not heard of it" 'echo sleeps $(ps | grep -c " sleep$")\n' '^sleeps 1$'
keys 'kill $!\n'

keys 'vmctl create v -m 16\n'
line "Ctrl-P: processes and VMs, at the prompt" '\020' 'PID +PPID' ' init$' '^v +created'
printf '\n' >&3
keys 'sleep 1000\n'
wait_until has 'sleep 1000'
asked() {
	printf '\020' >&3
	sleep 0.2
	has ' sleep$'
}
check "Ctrl-P: while a program runs" wait_until asked
wait_until interrupted

line "a shell in a shell, and its jobs" 'sh\n' '^\$ $'
interrupt "Ctrl-C: there too" 'sleep 1000'
line "Ctrl-D ends the inner one, and the outer goes on" '\004' '^\$ $'
line "as it was" 'echo outer\n' '^outer$'
line "which shells are there" 'ps | grep " sh$"\n' ' sh$'
shell=$(news | awk '/ sh$/ { print $1; exit }')
# The shell ends while it has the console in raw mode; the next one finds it as it should be.
keys "sh -c 'sleep 3; kill $shell' &\n"
check "a shell that is killed has a successor" wait_until has '^\$ \$ $'
line "and the console works" 'echo alive\n' '^alive$'
keys 'poweroff 0\n'
wait "$pid"
check "the machine ends when told" test $? = 1
finish
