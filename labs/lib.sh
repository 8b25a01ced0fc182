# shellcheck shell=sh
# What the labs' tests share, on top of tests/lib.sh: points, and the student's seed.
#
#	begin NAME POINTS	a test; it ends where the next begins
#	need LINE...		regular expressions, each matches a line of $log, in this order
#	never LINE		none does
#	that WHAT COMMAND...	the command succeeds; WHAT says what was expected
#	run NAME COMMAND-LINE ARGUMENT...  boots as tests/lib.sh does: $log, $status; and $trace, the
#				trace of QEMU's IOMMU, which no student's code can fake
#	traced LINE...		regular expressions, each matches a line of $trace, in any order
#	score			the end: prints the sum
#
# The first check of a test that fails is shown, and the test gets no points.

LIMIT=${LIMIT:-180}
OUT=${OUT:-${B:-build}/grade}
. tests/lib.sh
results=$OUT/results.tsv
: >"$results"
SEED=${SEED:-$(cat labs/seed 2>/dev/null || echo halcyon)}
test_name='' why='' got=0 all=0

now() { # milliseconds
	ms=$(date +%s%N)
	case $ms in *N) ms=${ms%N}000000000 ;; esac
	echo $((ms / 1000000))
}

end_test() {
	[ -n "$test_name" ] || return 0
	t=$(($(now) - t0))
	t=$((t / 1000)).$((t % 1000 / 100))
	if [ -z "$why" ]; then
		got=$((got + points))
		echo "== Test $test_name == $test_name: OK (${t}s)"
		printf '%s\t%s\t%s\t%s\t\n' "$test_name" "$points" "$points" "$t" >>"$results"
	else
		echo "== Test $test_name == $test_name: FAIL (${t}s)"
		echo "    $why"
		[ "$log" = /dev/null ] || echo "    log: $log"
		printf '%s\t0\t%s\t%s\t%s\n' "$test_name" "$points" "$t" "$why" >>"$results"
	fi
	all=$((all + points))
	test_name=
}

begin() { # NAME POINTS
	end_test
	test_name=$1 points=$2 why='' t0=$(now)
}

fail() {
	[ -n "$why" ] || why=$1
}

need() {
	[ -z "$why" ] || return 0
	at=1
	for line in "$@"; do
		found=$(tail -n +"$at" "$log" | grep -nE -m1 -- "$line" | cut -d: -f1)
		if [ -z "$found" ]; then
			fail "missing: $line"
			[ "${status:-0}" != timeout ] || why="$why (and the machine did not end: time limit of $LIMIT s)"
			cause=$(grep -m1 "panic: " "$log" | sed "s/^\[[^]]*\] //")
			[ -z "$cause" ] || why="$why ($cause; QEMU: $log.err)"
			return 0
		fi
		at=$((at + found))
	done
}

never() {
	[ -z "$why" ] || return 0
	! grep -qE -- "$1" "$log" || fail "found: $(grep -E -m1 -- "$1" "$log")"
}

that() {
	what=$1
	shift
	[ -z "$why" ] || return 0
	"$@" || fail "$what"
}

score() {
	end_test
	echo "Score: $got/$all"
	[ "$got" = "$all" ]
}

# answers FOLDER: the questions are answered: as many numbered answers as the README has questions.
answered() {
	asked=$(sed '1,/^## Questions/d; /^## /,$d' "$1/README.md" | grep -c '^[0-9]*\. ')
	given=$(grep -c '^[0-9]*\. *[^ ]' "$1/answers.txt" 2>/dev/null || :)
	[ "${given:-0}" -ge "$asked" ]
}
answers() {
	log=/dev/null
	that "missing: $1/answers.txt with answers to all questions, each beginning '1. ', '2. ' …" answered "$1"
}

# QEMU traces what the IOMMU does, and what $traces names besides.
run() {
	run=$1 append=$2
	shift 2
	trace=$OUT/$run.trace
	rm -f "$trace"
	for t in ${traces:-}; do set -- "$@" -trace "$t"; done
	boot "$run" "$append" -D "$trace" -trace "vtd_dmar*" -trace "vtd_inv_desc_*" -trace "amdvi_*" "$@"
}

traced() {
	for line in "$@"; do
		[ -n "$why" ] || grep -qE -- "$line" "$trace" || fail "QEMU's trace $trace lacks: $line"
	done
}

# What follows from the student's name. seed_number WORD MAX: 0 … MAX-1, a different one for each
# word and student.
seed_hash() { # WORD
	printf '%s:%s' "$SEED" "$1" | sha256sum | cut -d' ' -f1
}
seed_number() {
	echo $((0x$(seed_hash "$1" | cut -c1-7) % $2))
}
# shellcheck disable=SC2034 # the tests use them
{
edu_slot=$(printf %02x $((5 + $(seed_number edu 12))))   # 05 … 10: the device of the student
disk_slot=$(printf %02x $((17 + $(seed_number disk 8)))) # 11 … 18: his disk
twin_slot=1a
quota=$((64 + $(seed_number quota 64)))                  # pages
iova_base=$((256 + $(seed_number iova 256)))             # MiB
}

# secret FILE KIB: the student's secret, in lines of 64 bytes.
secret() {
	awk -v h="$(seed_hash secret | cut -c1-52)" -v n=$(($2 * 16)) \
		'BEGIN { for (i = 0; i < n; i++) printf "%s%11d\n", h, i }' >"$1"
}

# The root disk of a machine whose disk driver is not written yet: with root=module.
root_module() {
	echo "-initrd $B/fs.img"
}

edu() { # edu SLOT [PROPERTIES]
	echo "-device edu,addr=0x$1,dma_mask=0xffffffff${2:+,$2}"
}
