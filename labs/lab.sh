#!/bin/sh
# make lab: a git repository with what lab $LAB hands out, in $DIR, for the student $SEED. With
# $FROM, a repository of an earlier lab, the student's own work there is carried into it.
set -eu
cd "$(dirname "$0")/.."
say() { echo "make lab: $*" >&2; }
case ${LAB:-} in
'' | *[!0-9]*) say "say which: make lab LAB=4 DIR=../lab4 SEED=name"; exit 2 ;;
esac
[ -d "$(echo labs/"$(printf %02d "$LAB")"-*)" ] || { say "there is no lab $LAB in labs/"; exit 2; }
DIR=${DIR:-../lab$LAB}
[ ! -e "$DIR" ] || [ -z "$(ls -A "$DIR")" ] || { say "$DIR exists: choose another DIR, or remove it"; exit 2; }
if [ -n "${FROM:-}" ]; then
	[ -e "$FROM/labs/lab" ] && git -C "$FROM" rev-parse -q --verify HEAD >/dev/null ||
		{ say "FROM=$FROM is not a lab's repository"; exit 2; }
	[ -n "${SEED:-}" ] || SEED=$(cat "$FROM/labs/seed")
fi
labs/tree.sh "$LAB" "$DIR"
echo "${SEED:-halcyon}" >"$DIR/labs/seed"
commit() {
	git -C "$DIR" add -A
	git -C "$DIR" -c user.name=Halcyon -c user.email=labs@localhost commit -q -m "$1"
}
git -c init.defaultBranch=main init -q "$DIR"
commit "Lab $LAB: hand-out"
if [ -n "${FROM:-}" ]; then
	(cd "$DIR" && labs/carry.sh "$(cd - >/dev/null && cd "$FROM" && pwd)")
	commit "Work of lab $(cat "$FROM/labs/lab")" || true
fi
echo "lab $LAB for '$(cat "$DIR/labs/seed")' is in $DIR. Read $(cd "$DIR" && echo labs/"$(printf %02d "$LAB")"-*)/README.md there; make grade."
