#!/bin/sh
# Runs the test cases side by side: run.sh [PATTERN]. Each case is tests/cases/NAME.sh and prints
# TAP; SLOW=1 adds those in tests/slow/. The last line counts all checks.
set -u
cd "$(dirname "$0")/.." || exit 2
export B="${B:-build}"
export OUT="${OUT:-$B/test}"
jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}
mkdir -p "$OUT"
rm -f "$OUT"/*.tap
start=$(date +%s)

list=$(for f in tests/cases/*.sh ${SLOW:+tests/slow/*.sh}; do
	[ -e "$f" ] || continue
	case $f in *${1:-}*) echo "$f" ;; esac
done)
[ -n "$list" ] || { echo "no test matches '$1'"; exit 2; }
total=$(echo "$list" | wc -l)
echo "$total cases, $jobs at a time; logs in $OUT"
: >"$OUT/done"
rm -rf "$OUT/running" && mkdir -p "$OUT/running"

# On a terminal: what runs now, how many are done, and the time gone.
clear=
if [ -t 1 ]; then
	clear=$(printf '\r\033[K')
	(while sleep 1; do
		printf '%s… %d of %d done, %d s, now: %s' "$clear" "$(wc -l <"$OUT/done")" "$total" \
			"$(($(date +%s) - start))" "$(ls "$OUT/running" | tr '\n' ' ')"
	done) &
	ticker=$!
fi
export clear

# One case. A case that dies before its plan (1..N) counts as one failure.
# shellcheck disable=SC2016
one='
	f=$1 name=$(basename "$1" .sh) t0=$(date +%s)
	case $f in tests/slow/*) name=slow-$name ;; esac
	: >"$OUT/running/$name"
	sh "$f" >"$OUT/$name.tap" 2>"$OUT/$name.err"
	rm -f "$OUT/running/$name"
	grep -q "^1\.\." "$OUT/$name.tap" || echo "not ok - $name ended early: $(tail -n1 "$OUT/$name.err")" >>"$OUT/$name.tap"
	echo "$name" >>"$OUT/done"
	bad=$(grep -c "^not ok" "$OUT/$name.tap")
	good=$(grep -c "^ok" "$OUT/$name.tap")
	if [ "$bad" = 0 ]; then result=ok; else result=FAILED; fi
	printf "%s%2d/%d %-6s %-24s %3d checks %3d s\n" "$clear" "$(wc -l <"$OUT/done")" "$2" "$result" "$name" "$((good + bad))" "$(($(date +%s) - t0))"
	[ "$bad" = 0 ] || grep -A1 "^not ok" "$OUT/$name.tap" | sed "s/^/    /"
'
echo "$list" | xargs -P "$jobs" -I{} sh -c "$one" case {} "$total"

[ -z "$clear" ] || { kill "$ticker" 2>/dev/null; printf '%s' "$clear"; }
passed=$(cat "$OUT"/*.tap | grep -c '^ok')
failed=$(cat "$OUT"/*.tap | grep -c '^not ok')
echo "$(($(date +%s) - start)) seconds"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
