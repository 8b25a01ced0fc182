# shellcheck shell=sh
# A test of the tests: each patch in tests/mutants breaks one clause of the contract in a copy of
# the tree, and the check that it names must go red. Header of a patch: what it breaks, then
# "Case: NAME" and "Red: PATTERN" of the check's name.
. tests/lib.sh
here=$(pwd)
for patch in tests/mutants/*.patch; do
	mutant=$(basename "$patch" .patch)
	dir=$OUT/mutants/$mutant log=$OUT/mutants/$mutant.log
	case=$(sed -n 's/^Case: //p' "$patch") red=$(sed -n 's/^Red: //p' "$patch")
	rm -rf "$dir"
	mkdir -p "$dir/build"
	cp -a Makefile kernel hal vmm drivers user tools tests "$dir"
	# The objects too: only what the patch touches is compiled again.
	for d in kernel hal vmm drivers user tests/hostile-1 mkfs .toolchain; do
		[ -d "$here/$B/$d" ] && cp -a "$here/$B/$d" "$dir/build/"
	done
	[ ! -e "$here/$B/.toolchain" ] || cp -a "$here/$B/.toolchain" "$dir/build/"
	if ! patch -s -d "$dir" -p1 <"$patch" >"$log" 2>&1; then
		not_ok "$mutant: the patch applies" "see the log"
		continue
	fi
	if ! make -s -C "$dir" B=build all >>"$log" 2>&1; then
		not_ok "$mutant: the mutant builds" "see the log"
		continue
	fi
	(cd "$dir" && B=build OUT=build/test sh "tests/cases/$case.sh") >>"$log" 2>&1
	if grep -qE "^not ok [0-9]+ - .*$red" "$log"; then
		ok "$mutant: '$case' goes red"
		rm -rf "$dir"
	else
		not_ok "$mutant: '$case' goes red" "no failed check matches '$red'"
	fi
done
finish
