#!/bin/sh
# make grade: builds, and runs the tests of lab $LAB (in a hand-out: of its own). FORMAT=text,
# gradescope, classroom or tap.
set -u
cd "$(dirname "$0")/.." || exit 2
export B="${B:-build}"
export OUT="${OUT:-$B/grade}"
LAB=${LAB:-$(cat labs/lab 2>/dev/null)}
case $LAB in
'' | *[!0-9]*) echo "make grade: say which: make grade LAB=4" >&2; exit 2 ;;
esac
tests=$(echo labs/"$(printf %02d "$LAB")"-*/tests.sh)
[ -f "$tests" ] || { echo "make grade: no tests of lab $LAB here" >&2; exit 2; }
mkdir -p "$OUT"
rm -f "$OUT/results.tsv"
max=$(awk '$1 == "begin" { n += $3 } END { print n }' "$tests")

# The tests, as text; a tree that does not build has no points.
text() {
	if make --no-print-directory -s -j"${JOBS:-2}" all >"$OUT/build.log" 2>&1; then
		sh "$tests"
	else
		echo "== Test build == build: FAIL"
		grep -m3 -E 'error|\*\*\*' "$OUT/build.log" | sed 's/^/    /'
		echo "    log: $OUT/build.log"
		echo "Score: 0/$max"
		printf 'build\t0\t%s\t0\tdoes not build\n' "$max" >"$OUT/results.tsv"
		false
	fi
}

case ${FORMAT:-text} in
text) text; exit ;;
gradescope | classroom | tap) ;;
*) echo "make grade: FORMAT=$FORMAT: not one of text, gradescope, classroom, tap" >&2; exit 2 ;;
esac
text >"$OUT/grade.txt" 2>&1
code=$?
awk -F '\t' -v format="$FORMAT" '
	function quote(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[\001-\037]/, " ", s); return "\"" s "\"" }
	{ name[NR] = $1; got[NR] = $2; max[NR] = $3; time[NR] = $4; why[NR] = $5; sum += $2; all += $3 }
	END {
		if (format == "tap") {
			print "1.." NR
			for (i = 1; i <= NR; i++) {
				print ((got[i] == max[i]) ? "ok " : "not ok ") i " - " name[i] " (" got[i] "/" max[i] ")"
				if (why[i] != "")
					print "# " why[i]
			}
			exit
		}
		if (format == "gradescope")
			printf "{\"score\": %d, \"max_score\": %d, \"tests\": [", sum, all
		else
			printf "{\"version\": 1, \"status\": \"%s\", \"max_score\": %d, \"tests\": [", (sum == all ? "pass" : "fail"), all
		for (i = 1; i <= NR; i++) {
			printf "%s\n  {\"name\": %s, \"score\": %d, ", (i > 1 ? "," : ""), quote(name[i]), got[i]
			if (format == "gradescope")
				printf "\"max_score\": %d, \"status\": \"%s\", \"output\": %s}", max[i],
					(got[i] == max[i] ? "passed" : "failed"), quote(why[i])
			else
				printf "\"status\": \"%s\", \"message\": %s, \"test_code\": \"make grade\", \"filename\": \"\", \"line_no\": 0, \"duration\": %d}",
					(got[i] == max[i] ? "pass" : "fail"), quote(why[i]), time[i] * 1000
		}
		print "\n]}"
	}' "$OUT/results.tsv"
exit "$code"
