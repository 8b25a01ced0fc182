# shellcheck shell=sh
# A test of the tests: each file in tests/mutants breaks one clause of the contract in a copy of
# the tree, and the check that it names must go red. A file says what it breaks, then "Case: NAME",
# "Red: PATTERN" of the check's name, "File: PATH", "Edit: SCRIPT" for sed, and perhaps "Env: VAR=…"
# for the case. MUTANT=PATTERN takes those only.
. tests/lib.sh
here=$(pwd)
header() { sed -n "s/^$2: //p" "$1"; }
for file in tests/mutants/${MUTANT:-*}; do
	mutant=$(basename "$file")
	dir=$OUT/mutants/$mutant log=$OUT/mutants/$mutant.log
	case=$(header "$file" Case) red=$(header "$file" Red) target=$(header "$file" File)
	rm -rf "$dir"
	mkdir -p "$dir/build"
	cp -a Makefile lib kernel hal vmm drivers user tools tests "$dir"
	# The objects too: only what is changed is compiled again.
	for d in lib kernel hal vmm drivers user tests/hostile-1 mkfs .toolchain; do
		[ -d "$here/$B/$d" ] && cp -a "$here/$B/$d" "$dir/build/"
	done
	[ ! -e "$here/$B/.toolchain" ] || cp -a "$here/$B/.toolchain" "$dir/build/"
	if [ -e "$here/$OUT/$case/halcyon.elf" ]; then # the test build's, too
		mkdir -p "$dir/build/test"
		cp -a "$here/$OUT/$case" "$dir/build/test/"
	fi
	sed -i "$(header "$file" Edit)" "$dir/$target" 2>"$log"
	if cmp -s "$target" "$dir/$target"; then
		not_ok "$mutant: there is something to break" "no line of $target is changed"
		continue
	fi
	if ! make -s -C "$dir" B=build all >>"$log" 2>&1; then
		not_ok "$mutant: the mutant builds" "see the log"
		continue
	fi
	# shellcheck disable=SC2046
	(cd "$dir" && env $(header "$here/$file" Env) B=build OUT=build/test sh "tests/cases/$case.sh") >>"$log" 2>&1
	if grep -qE "^not ok [0-9]+ - .*$red" "$log"; then
		ok "$mutant: '$case' goes red"
		rm -rf "$dir"
	else
		not_ok "$mutant: '$case' goes red" "no failed check matches '$red'"
	fi
done
finish
