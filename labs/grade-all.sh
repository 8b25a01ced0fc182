#!/bin/sh
# make grade-all DIR=submissions [LAB=n]: grades what is in there, $JOBS at a time: folders (a
# student's repository) and hand-ins (.tar.gz of make handin). Of each only the system's own sources
# and the answers are taken; tests, tools and labs are ours. One table, on stdout and as
# build/grade-all/table.tsv; a student's output is beside it.
set -u
cd "$(dirname "$0")/.." || exit 2
here=$(pwd)
export B="${B:-build}"
work=$here/$B/grade-all
sources='kernel hal vmm drivers user lib Makefile'

if [ "${1:-}" != one ]; then
	[ -d "${DIR:-}" ] || { echo "make grade-all: say DIR=…, a folder of submissions" >&2; exit 2; }
	rm -rf "$work"
	mkdir -p "$work"
	for s in "$DIR"/*; do
		[ ! -e "$s/labs/lab" ] && [ "${s%.tar.gz}" = "$s" ] || echo "$s"
	done | xargs -P "${JOBS:-2}" -I{} labs/grade-all.sh one {}
	cat "$work"/*.row | sort | awk -F '\t' -v OFS='\t' 'BEGIN { print "SUBMISSION", "LAB", "NAME", "SEED", "SCORE", "FAILED" } { print }' >"$work/table.tsv"
	awk -F '\t' '{ printf "%-24s %3s  %-20s %-12s %7s  %s\n", $1, $2, $3, $4, $5, $6 }' "$work/table.tsv"
	exit
fi

from=$2
id=$(basename "$from" .tar.gz)
tree=$work/$id.tree
mkdir -p "$work/$id.in" "$tree/build"
name=
if [ -d "$from" ]; then
	lab=$(cat "$from/labs/lab") seed=$(cat "$from/labs/seed")
	name=$(git -C "$from" log -1 --format=%an 2>/dev/null)
else
	tar -xzf "$from" -C "$work/$id.in" --strip-components=1
	value() { awk -F '\t' -v k="$1" '$1 == k { print $2 }' "$work/$id.in/about.tsv"; }
	lab=$(value lab) seed=$(value seed) name=$(value name)
fi
lab=${LAB:-$lab}
row() {
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$id" "$lab" "$name" "$seed" "$1" "$2" >"$work/$id.row"
	rm -rf "$tree" "$work/$id.in"
	exit
}
case $lab in '' | *[!0-9]*) row - "says no lab" ;; esac
labs/tree.sh "$lab" "$tree"
printf '%s\n' "$seed" >"$tree/labs/seed"
if [ -d "$from" ]; then
	for d in $sources; do
		rm -rf "${tree:?}/$d"
		cp -R "$from/$d" "$tree/"
	done
	answers=$(echo "$from"/labs/"$(printf %02d "$lab")"-*/answers.txt)
else
	(cd "$tree" && git init -q . && git apply --whitespace=nowarn --exclude='tests/*' --exclude='labs/*' \
		--exclude='tools/*' "$work/$id.in/diff") 2>"$work/$id.txt" || row - "the difference does not apply"
	answers=$work/$id.in/answers.txt
fi
[ ! -f "$answers" ] || cp "$answers" "$(echo "$tree"/labs/"$(printf %02d "$lab")"-*)/"
(cd "$tree" && unset SEED FORMAT OUT && B=build LAB=$lab JOBS=1 labs/grade.sh) >"$work/$id.txt" 2>&1
row "$(sed -n 's/^Score: //p' "$work/$id.txt")" "$(sed -n 's/^== Test .* == \(.*\): FAIL.*/\1/p' "$work/$id.txt" | tr '\n' ' ')"
