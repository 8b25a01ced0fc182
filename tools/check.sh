#!/bin/sh
# shellcheck disable=SC2046 # lists of files are meant to be split
# What a machine can say about the source: the layer law, headers that stand alone, warnings of
# two compilers, shell scripts, and format. One line for each; stops at none.
set -u # no -e: it goes on
cd "$(dirname "$0")/.." || exit 2
B=${B:-build}
mkdir -p "$B/check"
failures=0

good() { echo "ok   $1"; }
bad() {
	echo "FAIL $1"
	failures=$((failures + 1))
}

# law NAME PATTERN DIRECTORY...: no code line there matches. Comments do not count.
law() {
	name=$1 pattern=$2
	shift 2
	grep -rnE --include='*.[chS]' -- "$pattern" "$@" 2>/dev/null |
		sed -E 's@/\*.*@@; s@^([^:]+:[0-9]+:)[[:space:]]*(\*|//).*@\1@' |
		grep -E -- "^[^:]+:[0-9]+:.*($pattern)" >"$B/check/law"
	if [ -s "$B/check/law" ]; then
		bad "$name"
		sed 's/^/     /' "$B/check/law"
	else
		good "$name"
	fi
}

# only DIRECTORY ALLOWED: every file there includes nothing of ours but what ALLOWED matches.
only() {
	grep -rnE --include='*.[chS]' '^#include "' "$1" | grep -vE "#include \"($2)" >"$B/check/law"
	if [ -s "$B/check/law" ]; then
		bad "$1 includes more than it may"
		sed 's/^/     /' "$B/check/law"
	else
		good "$1 includes only what is below it"
	fi
}

# The layers. What is below never includes what is above, and only hal/ knows where it runs.
only lib 'lib/'
only drivers 'drivers/|kernel/|lib/|hal/(addr|device|dma|irq|pciconf|timer)\.h'
only hal 'hal/|kernel/|lib/'
only kernel 'kernel/|lib/|hal/(apic|dma|irq|platform|pt|smp|timer)\.h'
only user 'user/|lib/'
only vmm 'vmm/|hal/|kernel/|lib/|drivers/pci\.h'
law "no hypercall, IOMMU driver or guest test in drivers, kernel, user" \
	'vmmcall|vmcall|\bhypercall|HC_[a-zA-Z]|pv_(call|present)|hal/(pv|hypercall|iommu)\.h|vtd|amdvi|is_guest|in_guest|HalcyonVMM' drivers kernel user
law "VMCB and SVM instructions only in svm" 'vmcb|VMRUN|vmrun|vmload|vmsave|stgi|clgi' \
	$(find vmm hal kernel drivers -name '*.[chS]' ! -name 'svm*' ! -path 'hal/vtd/*')
law "VT-d registers only in vtd" 'RTADDR|IQT|FRCD|GCMD|ECAP|irte' \
	$(find vmm hal kernel drivers -name '*.[chS]' ! -path 'hal/vtd/*')
law "AMD-Vi registers only in amdvi" 'DEVTAB|CMDBUF|EVTLOG|DTE_|dte' \
	$(find vmm hal kernel drivers -name '*.[chS]' ! -path 'hal/amdvi/*')
law "one image: no build-time switch" '^[[:space:]]*#[[:space:]]*if(def|ndef)?[[:space:]]+.*(GUEST|HOST|NATIVE)' kernel hal vmm drivers

# Every header compiles alone.
alone=0 before=$failures
for h in lib/*.h kernel/*.h hal/*.h hal/*/*.h vmm/*.h drivers/*.h user/*.h; do
	case $h in lib/syscalls.h) continue ;; esac
	echo "#include \"$h\"" >"$B/check/header.c"
	gcc -std=gnu11 -ffreestanding -mgeneral-regs-only -Wall -Wextra -Wno-unused-parameter -Werror -I. \
		-fsyntax-only "$B/check/header.c" 2>"$B/check/header.err" || {
		bad "$h does not compile alone"
		head -n 3 "$B/check/header.err" | sed 's/^/     /'
	}
	alone=$((alone + 1))
done
[ "$failures" != "$before" ] || good "each of $alone headers compiles alone"

for compiler in gcc clang; do
	llvm=
	[ "$compiler" = clang ] && llvm=1
	if make --no-print-directory -j"$(nproc)" B="$B/check/$compiler" WERROR=1 LLVM=$llvm all >"$B/check/$compiler.log" 2>&1; then
		good "builds with $compiler, warnings as errors"
	else
		bad "does not build with $compiler"
		grep -E 'error|\*\*\*' "$B/check/$compiler.log" | head -n 5 | sed 's/^/     /'
	fi
done
# A kernel built without vmm/ is a kernel.
if make --no-print-directory -j"$(nproc)" B="$B/check/novmm" WITHOUT_VMM=1 "$B/check/novmm/halcyon.elf" >"$B/check/novmm.log" 2>&1; then
	good "links without vmm/"
else
	bad "does not link without vmm/"
fi

# What editors are told has to be JSON (if jq is here), name every source, and compile.
make -s compile_commands.json
if { ! command -v jq >/dev/null 2>&1 || jq -e . compile_commands.json >/dev/null; } &&
	[ "$(grep -c '"file"' compile_commands.json)" = "$(ls tests/bench/*.c lib/*.c kernel/*.c hal/*.c hal/*/*.c drivers/*.c vmm/*.c user/*.c | wc -l)" ] &&
	sed -n 's/.*"command": "\(.*\)"}.*/\1 -fsyntax-only/p' compile_commands.json | sed -n '1p;$p' | sh -e; then
	good "compile_commands.json"
else
	bad "compile_commands.json"
fi

scripts=$(find tools tests labs .ci -name '*.sh' -o -path .ci/run | grep -v '^tests/guest/')
# shellcheck disable=SC2086
if shellcheck -S warning $scripts >"$B/check/shellcheck" 2>&1; then
	good "shellcheck"
else
	bad "shellcheck"
	head -n 20 "$B/check/shellcheck"
fi

# shellcheck disable=SC2046
if clang-format --dry-run --Werror $(find lib kernel hal vmm drivers user tools tests -name '*.[ch]') >"$B/check/format" 2>&1; then
	good "clang-format"
else
	bad "clang-format: run 'make format'"
	grep -oE '^[^:]+' "$B/check/format" | sort | uniq -c | sort -rn | head -n 8
fi

if grep -rnwE 'python[23]?' Makefile tools tests .ci labs 2>/dev/null | grep -v 'check.sh' | grep -q .; then
	bad "python in the harness"
else
	good "no python"
fi

if [ -e labs/strip.awk ]; then
	grep -rlE "LAB [0-9]" --include="*.[chS]" --include="*.mk" --include="*.sh" lib kernel hal vmm drivers user tests tools Makefile >"$B/check/labs"
	fault=$(while read -r f; do awk -v lab=0 -f labs/strip.awk "$f" 2>&1 >/dev/null; done <"$B/check/labs")
	if [ -z "$fault" ]; then good "marks of the labs"; else bad "marks of the labs: $fault"; fi
fi

if [ -e labs/errors.sh ]; then
	if labs/errors.sh | cmp -s - labs/INSTRUCTOR.md; then good "labs/INSTRUCTOR.md has the wrong solutions"; else bad "labs/INSTRUCTOR.md: run make lab-errors"; fi
fi

# A tracepoint has one site: there the event happens, and nowhere else.
sites=$(sed -nE 's/^\tX\((\w+),.*/\1/p' lib/trace.h | while read -r name; do
	n=$(grep -rhoE --include='*.[ch]' "\btrace_$name\(" kernel hal vmm drivers | wc -l)
	[ "$n" = 1 ] || echo "$name: $n"
done)
if [ -z "$sites" ]; then
	good "each tracepoint has one site"
else
	bad "tracepoints with more or fewer sites than one: $sites"
fi

# The page that explains the hypercalls names each, with its number; and each status.
gap=$(sed -nE 's/^\tHYPERCALL\(([0-9]+), (\w+),.*/| \1 | \2(/p; s/^\tHC_(E[A-Z]+) = ([0-9]+),.*/| \2 | \1 |/p' hal/hypercall.h |
	while read -r row; do grep -qF -- "$row" hal/HYPERCALLS.md || echo "$row"; done)
if [ -z "$gap" ]; then
	good "hal/HYPERCALLS.md has every call and status"
else
	bad "hal/HYPERCALLS.md lacks: $gap"
fi

# The marks of the labs are no code: lines are counted without them, and without what hand-outs have.
lines() {
	if [ -e labs/strip.awk ]; then
		find "$@" -name '*.[chS]' -exec awk -v lab=99 -f labs/strip.awk {} \; | wc -l
	else
		find "$@" -name '*.[chS]' -exec cat {} + | wc -l
	fi
}
kernel=$(lines kernel) all=$(lines kernel hal vmm drivers)
if [ "$kernel" -le 7500 ] && [ "$all" -le 20000 ]; then
	good "size: kernel $kernel of 7500 lines, kernel+hal+vmm+drivers $all of 20000 (without marks of the labs, lib/, and the benchmark in tests/bench)"
else
	bad "size: kernel $kernel of 7500 lines, kernel+hal+vmm+drivers $all of 20000 (without marks of the labs, lib/, and the benchmark in tests/bench)"
fi

[ "$failures" = 0 ] || {
	echo "$failures checks failed"
	exit 1
}
