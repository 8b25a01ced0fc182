#!/bin/sh
# make lab-check [LAB=n] [WRONG=name]: proves the labs, $JOBS at a time. Of each: the hand-out builds and boots
# to a shell; the tests of earlier labs pass there, its own fail with the score that tests.sh
# states; its solution gets all points; and each patch in wrong/ the score and the message that it
# states (WRONG: of those with that in their names). TAP, and a last line with the sum.
set -u
cd "$(dirname "$0")/.." || exit 2
here=$(pwd)
export B="${B:-build}"
work=$here/$B/labcheck
unset FORMAT SEED OUT

if [ "${1:-}" != one ]; then
	start=$(date +%s)
	mkdir -p "$work"
	rm -f "$work"/*.tap
	bad=0
	git ls-files -co --exclude-standard '*.[chS]' Makefile '*.mk' '*.sh' | while read -r f; do
		[ ! -f "$f" ] || ! grep -q 'LAB [0-9]' "$f" || awk -v lab=0 -f labs/strip.awk "$f" >/dev/null || echo "$f"
	done >"$work/marks" || bad=1
	[ -s "$work/marks" ] && { echo "not ok - marks in: $(tr "\n" " " <"$work/marks")"; exit 1; }
	for dir in labs/[0-9][0-9]-*; do
		n=${dir#labs/} n=${n%%-*} n=${n#0}
		[ -z "${LAB:-}" ] || [ "$LAB" = "$n" ] || continue
		echo "$n"
	done | xargs -P "${JOBS:-2}" -I{} labs/check.sh one {}
	good=$(cat "$work"/*.tap | grep -c '^ok')
	bad=$(cat "$work"/*.tap | grep -c '^not ok')
	echo "$(($(date +%s) - start)) seconds"
	echo "$good passed, $bad failed"
	[ "$bad" = 0 ] && [ "$good" -gt 0 ]
	exit
fi

n=$2
dir=$(echo labs/"$(printf %02d "$n")"-*)
tree=$work/$n.tree
tap=$work/$n.tap
export JOBS=1 # the labs are side by side
: >"$tap"
say() { # OK? NAME WHY
	if [ "$1" = 0 ]; then echo "ok - lab $n: $2"; else
		echo "not ok - lab $n: $2"
		echo "# $3"
	fi | tee -a "$tap"
}
# grade LAB LOG: sets $got and $max.
grade() {
	(cd "$tree" && B=build LAB=$1 labs/grade.sh) >"$work/$n.$2" 2>&1
	sum=$(sed -n 's/^Score: //p' "$work/$n.$2")
	got=${sum%/*} max=${sum#*/}
}
build() {
	make -s -C "$tree" B=build all >"$work/$n.build" 2>&1
}
# Before lab 4 the driver of the root disk has holes: then the root comes with the kernel.
# shellcheck disable=SC2046,SC2154
boots() { # IOMMU
	(cd "$tree" && export B=build OUT=build/grade IOMMU="$1" LIMIT=180 && . tests/lib.sh &&
		boot "boots-$1" 'script="echo a shell is here"' $([ "$n" -gt 3 ] || echo "-initrd $B/fs.img") $(root_disk) $(disk "$OUT/empty.img" 4) -device edu,addr=5 &&
		grep -q '^a shell is here' "$log" && [ "$status" = 0 ])
}
answer_all() {
	for d in "$tree"/labs/[0-9][0-9]-*; do
		seq -f '%g. An answer.' 20 >"$d/answers.txt"
	done
}
# What no tree can hold, as it differs by student: solve.sh does it, of these labs.
solve() { # FIRST LAST
	for s in "$here"/labs/[0-9][0-9]-*/solve.sh; do
		m=${s#"$here"/labs/} m=${m%%-*}
		[ ! -e "$s" ] || [ "${m#0}" -lt "$1" ] || [ "${m#0}" -gt "$2" ] || (cd "$tree" && sh "$s" >"$work/$n.build" 2>&1)
	done
}

# The objects of our own build serve: make compiles what differs.
rm -rf "$tree"
mkdir -p "$tree/build/grade"
labs/tree.sh "$n" "$tree" 2>"$work/$n.build"
echo lab-check >"$tree/labs/seed"
for d in kernel hal vmm drivers user lib host tests mkfs fsck .toolchain; do
	[ ! -e "$B/$d" ] || cp -a "$B/$d" "$tree/build/"
done
truncate -s 1M "$tree/build/grade/empty.img"
build
code=$?
! grep -q "warning:" "$work/$n.build" || code=1
say $code "the hand-out builds, without a warning" "see $work/$n.build"
[ $code = 0 ] || exit 1
leak=$(cd "$tree" && grep -rlE 'LAB [0-9]+ (ELSE|END)' --include='*.[chS]' --include='*.sh' --include=Makefile . | grep -v './build/' | head -n 1)
test -z "$leak" && [ -z "$(find "$tree/labs" -name wrong)" ]
say $? "the hand-out has no solution" "marks in $leak, or wrong/"
for iommu in vtd amdvi none; do
	boots $iommu
	say $? "the hand-out boots to a shell, IOMMU=$iommu" "see $tree/build/grade/boots-$iommu.log"
done
want=$(sed -n 's/^# Lab [0-9]*\. Handout: //p' "$dir/tests.sh")
grade "$n" handout
test "$sum" = "$want" && [ "$got" -lt "$max" ]
say $? "the hand-out gets $want" "it gets $sum: $work/$n.handout"
answer_all
solve 0 $((n - 1))
for early in labs/[0-9][0-9]-*; do
	m=${early#labs/} m=${m%%-*} m=${m#0}
	[ "$m" -lt "$n" ] || break
	grade "$m" "earlier-$m"
	test "$got" = "$max" && [ -n "$got" ]
	say $? "there, lab $m gets all points" "it gets $sum: $work/$n.earlier-$m"
done

TOUCH=1 labs/tree.sh $((n + 1)) "$tree" && build
say $? "the solution builds" "see $work/$n.build"
answer_all
solve "$n" "$n"
grade "$n" solution
test "$got" = "$max" && [ -n "$got" ]
say $? "the solution gets all points" "it gets $sum: $work/$n.solution"
wrong=0
# A patch; or a script, run in the tree.
for patch in "$dir"/wrong/*; do
	[ -e "$patch" ] || break
	wrong=$((wrong + 1))
	name=$(basename "${patch%.*}")
	case $name in *${WRONG:-}*) ;; *) continue ;; esac
	want=$(sed -n 's/^# Score: //p' "$patch") says=$(sed -n 's/^# Says: //p' "$patch")
	case $patch in
	*.sh) (cd "$tree" && sh "$here/$patch") ;;
	*) patch -s -N -p1 -d "$tree" <"$patch" ;;
	esac >"$work/$n.build" 2>&1 || {
		say 1 "wrong/$name" "the patch does not apply: $work/$n.build"
		TOUCH=1 labs/tree.sh $((n + 1)) "$tree"
		continue
	}
	grade "$n" "$name"
	grep -qF -- "$says" "$work/$n.$name"
	test $? = 0 && [ -n "$says" ] && [ "$sum" = "$want" ]
	say $? "wrong/$name gets $want, and is told '$says'" "it gets $sum: $work/$n.$name"
	TOUCH=1 labs/tree.sh $((n + 1)) "$tree" # takes the patch back
	solve "$n" "$n"
done
test "$wrong" -ge 3
say $? "there are 3 wrong solutions or more" "there are $wrong"
[ ! -z "${KEEP:-}" ] || rm -rf "$tree"
