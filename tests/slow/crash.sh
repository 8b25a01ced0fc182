# shellcheck shell=sh
# The machine is killed while fstest writes, again and again on the same image. After each kill:
# fsck finds nothing but a log to replay, what was said to be on the disk is there, and the next
# boot recovers and reads every file.
#
# ROUNDS=n: how many kills. SEED=n: of the first round's workload; the moment of a kill is random.
. tests/lib.sh
ROUNDS=${ROUNDS:-200}
SEED=${SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}
dir=$OUT/crash-$ROUNDS
image=$dir/disk.img
said=$dir/said # "synced NAME GENERATION LENGTH SEED" and "going NAME" of all rounds
rm -rf "$dir"
mkdir -p "$dir"
: >"$said"

# Starts the machine with a script; sets $pid.
start() {
	: >"$log" # the last round has left its lines there
	# shellcheck disable=SC2046,SC2086
	"$QEMU" -M q35 -accel "${ACCEL:-tcg}" -cpu "${CPU:-max}" -m "${MEM:-256}" -smp "${CPUS:-2}" \
		-nodefaults -vga none -display none -serial stdio -no-reboot \
		-device isa-debug-exit,iobase=0xf4,iosize=4 $(iommu) -kernel "$B/halcyon.elf" \
		-append "script=\"$1\"" -device nvme,drive=d,serial=d,addr=3 \
		-drive if=none,id=d,file="$image",format=raw,cache=writeback \
		${QEMUEXTRA:-} </dev/null >"$log" 2>"$log.err" &
	pid=$!
}

running() {
	kill -0 "$pid" 2>/dev/null
}

# Boots, and kills the machine 0.3 to 2 s after the first file is on the disk.
killed_at_work() {
	start "fstest check; fstest crash $SEED"
	tries=$((LIMIT * 20))
	while running && [ $tries -gt 0 ] && ! grep -q "^synced " "$log"; do
		sleep 0.05
		tries=$((tries - 1))
	done
	sleep "$(od -An -N2 -tu2 /dev/urandom | awk '{ printf "%.3f", 0.3 + $1 / 65536 * 1.7 }')"
	ended_early=
	running || ended_early=1
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	code=$?
	tr -d '\r' <"$log" >"$log.clean" && mv "$log.clean" "$log"
	# What was being said at the kill does not count: the change comes after the line.
	if [ -n "$(tail -c 1 "$log")" ]; then
		sed '$d' "$log" >"$log.clean" && mv "$log.clean" "$log"
	fi
	why="the machine ended by itself (QEMU's status $code), or wrote nothing"
	[ -z "$ended_early" ] && grep -q '^synced ' "$log"
}

# The files of which the last word is that they are on the disk: "NAME GENERATION LENGTH SEED".
promised() {
	awk '$1 == "synced" { is[$2] = $3 " " $4 " " $5 }
		$1 == "going" { delete is[$2] }
		END { for (name in is) print name, is[name] }' "$said"
}

# Is each of them in the image? The magic number is fstest's.
kept() {
	promised >"$dir/promised"
	while read -r file generation length seed; do
		if ! "$B/mkfs" -x "$dir/copy.img" "/c/$file" >"$dir/file" 2>>"$dir/problems"; then
			echo "/c/$file: gone" >>"$dir/problems"
			return 1
		fi
		number=${file#f}
		number=${number#0}
		want="1414743380 $generation $length $((seed * 256 + number))"
		have=$(od -An -tu4 -N16 "$dir/file" | tr -s ' ' | sed 's/^ //')
		[ "$length" -gt 0 ] || want=
		had=$(($(wc -c <"$dir/file")))
		if [ "$had" != "$length" ] || [ "$have" != "$want" ]; then
			echo "/c/$file: '$have' in $had bytes, not '$want'" >>"$dir/problems"
			return 1
		fi
	done <"$dir/promised"
}

# One round; says in $why what was wrong, and leaves what it began with in before.img.
crash_round() {
	cp "$image" "$dir/before.img"
	killed_at_work || return 1
	why="a file is not what its header says"
	! grep -q '^bad ' "$log" && grep -q '^checked ' "$log" || return 1
	sed -nE "s/^(synced f[0-9]+ [0-9]+ [0-9]+)\$/\1 $SEED/p; /^going f[0-9]+\$/p" "$log" >>"$said"
	why="fsck finds problems: $dir/fsck"
	"$B/fsck" "$image" >"$dir/fsck" || return 1
	! grep -q '^fsck: log' "$dir/fsck" || replays=$((replays + 1))
	# Of a copy, so that the kernel has to recover the image itself.
	cp "$image" "$dir/copy.img"
	why="fsck finds problems after replaying the log into the image: $dir/fsck"
	"$B/fsck" -r "$dir/copy.img" >"$dir/fsck" || return 1
	why="a file that was on the disk is not: $dir/problems"
	kept
}

"$B/mkfs" "$image" 32 /bin/init="$B/user/init" /bin/sh="$B/user/sh" /bin/fstest="$B/user/fstest" \
	/bin/ls="$B/user/ls"
round=0 replays=0 first=1
while [ "$round" -lt "$ROUNDS" ]; do
	round=$((round + 1))
	SEED=$(((SEED + 1) % 16777216))
	log=$dir/round.log
	if ! crash_round; then
		cp "$log" "$dir/round-$round.log"
		cp "$image" "$dir/round-$round.img"
		log=$dir/round-$round.log
		not_ok "round $round, seed $SEED" "$why"
		break
	fi
	if [ $((round % 20)) = 0 ] || [ "$round" = "$ROUNDS" ]; then
		ok "rounds $first to $round: clean, and what was on the disk is there"
		first=$((round + 1))
	fi
done
echo "# $(grep -c "^synced" "$said") times a file was on the disk, $(grep -c "^going" "$said") changes;" \
	"$replays kills left a log to replay"

# The last kill's image too is recovered by the kernel, and it is as good as fsck's.
if [ "$failures" = 0 ]; then
	log=$dir/last.log
	start 'fstest check; ls /c'
	tries=$((LIMIT * 10))
	while running && [ $tries -gt 0 ]; do
		sleep 0.1
		tries=$((tries - 1))
	done
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
	tr -d '\r' <"$log" >"$log.clean" && mv "$log.clean" "$log"
	expect "the last image: every file is what its header says" "^checked [0-9]+ files, 0 bad"
	check "the last image: clean" sh -c "'$B/fsck' '$image' >'$dir/fsck'"
	check "the last image: nothing is left in the log, no deleted file is left" \
		sh -c "! grep -qE '^fsck: (log|note)' '$dir/fsck'"
	cp "$image" "$dir/copy.img"
	check "the last image: what was on the disk is there" kept
fi
finish
