#!/bin/sh
# make handin: what there is to hand in, as one file: name, seed, answers, and the difference to
# the hand-out. NAME=… if git does not know it.
set -eu
cd "$(dirname "$0")/.."
[ -f labs/lab ] || { echo "make handin: this is not a hand-out (make lab makes one)" >&2; exit 2; }
lab=$(cat labs/lab) seed=$(cat labs/seed)
name=${NAME:-$(git config user.name || echo "$seed")}
out=${B:-build}/handin/lab$lab
file=${B:-build}/handin-lab$lab-$(echo "$seed" | tr -c 'A-Za-z0-9\n' _).tar.gz
rm -rf "$out"
mkdir -p "$out"
git add -A -N .
git diff --binary "$(git rev-list --max-parents=0 HEAD | tail -n 1)" >"$out/diff"
[ -s "$out/diff" ] || echo "make handin: note: nothing is changed" >&2
answers=$(echo labs/"$(printf %02d "$lab")"-*)/answers.txt
[ ! -f "$answers" ] || cp "$answers" "$out/answers.txt"
[ -f "$answers" ] || echo "make handin: note: there is no $answers" >&2
printf 'lab\t%s\nname\t%s\nseed\t%s\n' "$lab" "$name" "$seed" >"$out/about.tsv"
tar -czf "$file" -C "${B:-build}/handin" "lab$lab"
echo "hand in: $file"
