#!/bin/sh
# Carries a student's work from an earlier lab's repository into this one: carry.sh FROM. What he
# changed there is merged here; where both changed the same lines, his stay.
set -eu
cd "$(dirname "$0")/.."
from=$(cd "$1" && pwd)
base=$(git -C "$from" rev-list --max-parents=0 HEAD | tail -n 1)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
{ git -C "$from" diff --name-only "$base"; git -C "$from" ls-files -o --exclude-standard; } | sort -u |
	while read -r f; do
		case $f in labs/lab | labs/seed) continue ;; esac
		[ -f "$from/$f" ] || continue # he removed it: leave it
		mkdir -p "$(dirname "$f")"
		if [ -f "$f" ] && git -C "$from" show "$base:$f" >"$tmp/base" 2>/dev/null; then
			cp "$f" "$tmp/ours"
			git merge-file -p --theirs "$tmp/ours" "$tmp/base" "$from/$f" >"$tmp/new" || {
				echo "carry: $f: cannot be merged, left as it is" >&2
				continue
			}
			cat "$tmp/new" >"$f"
		else
			cp -p "$from/$f" "$f"
		fi
		echo "carried: $f"
	done
