#!/bin/sh
# Writes the tree that lab N hands out, which is also the solution of lab N-1: tree.sh N DIR. Only
# files that differ are written, so that make in DIR compiles only what changed.
set -eu
lab=$1 dir=$2
cd "$(dirname "$0")/.."
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
files() {
	if [ -e .git ]; then git ls-files -co --exclude-standard; else find . -type f ! -path './build/*' | sed 's@^\./@@'; fi
}
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT
files | while read -r f; do
	case $f in
	.ci/* | tests/mutants/* | tests/cases/mutants.sh | tests/cases/labs.sh | *.orig | *.rej) continue ;;
	labs/strip.awk | labs/tree.sh | labs/lab.sh | labs/check.sh | labs/grade-all.sh | labs/*/solve.sh) continue ;;
	labs/INSTRUCTOR.md | labs/errors.sh | labs/lab | labs/seed | labs/*/wrong/* | labs/*/answers.txt) continue ;;
	labs/[0-9][0-9]-*)
		n=${f#labs/} n=${n%%-*}
		[ "${n#0}" -le "$lab" ] || continue
		;;
	esac
	[ -f "$f" ] || continue
	from=$f
	case $f in
	labs/README.md) # what students need of it
		awk "/^## For who teaches/ { exit } 1" "$f" >"$tmp"
		from=$tmp
		;;
	*.[chS] | Makefile | *.mk | *.sh)
		if grep -q 'LAB [0-9]' "$f"; then
			awk -v lab="$lab" -f labs/strip.awk "$f" >"$tmp"
			from=$tmp
		fi
		;;
	esac
	[ ! -e "$dir/$f" ] || ! cmp -s "$from" "$dir/$f" || continue
	mkdir -p "$dir/$(dirname "$f")"
	if [ "$from" = "$f" ]; then
		cp -p "$f" "$dir/$f"
		# What was stripped here before must look new to make.
		[ -z "${TOUCH:-}" ] || touch "$dir/$f"
	else
		cat "$tmp" >"$dir/$f"
		[ ! -x "$f" ] || chmod +x "$dir/$f"
	fi
done
# Lab 0 looks at a system that is whole: as an image, without source.
[ ! -d "$dir/labs/00-tour" ] || [ ! -e "${B:-build}/halcyon.stripped" ] ||
	cmp -s "${B:-build}/halcyon.stripped" "$dir/labs/00-tour/whole.elf" ||
	cp "${B:-build}/halcyon.stripped" "$dir/labs/00-tour/whole.elf"
echo "$lab" | cmp -s - "$dir/labs/lab" || echo "$lab" >"$dir/labs/lab"
