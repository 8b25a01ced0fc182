#!/bin/sh
# Installs what is missing: setup.sh run|bench|test|check|ci. Says what it installs, or which packages to
# install where it cannot.
set -eu
level=${1:-run}

missing=
# need COMMAND-OR-FILE PACKAGE...
need() {
	thing=$1
	shift
	case $thing in
	/*) [ -e "$thing" ] && return ;;
	*) command -v "$thing" >/dev/null 2>&1 && return ;;
	esac
	missing="$missing $*"
}

need ld binutils
if ! command -v "${TOOLPREFIX:-}gcc" >/dev/null 2>&1; then need clang gcc; fi
need cc gcc libc6-dev
need qemu-system-x86_64 qemu-system-x86 seabios
need grub-mkrescue grub-common
[ -d /usr/lib/grub/i386-pc ] || missing="$missing grub-pc-bin"
[ -d /usr/lib/grub/x86_64-efi ] || missing="$missing grub-efi-amd64-bin"
need xorriso xorriso
need mformat mtools
need /usr/share/OVMF/OVMF_CODE_4M.fd ovmf
if [ "$level" != run ] && [ "$level" != bench ]; then
	need patch patch
	need gdb gdb
	need jq jq
fi
if [ "$level" = ci ]; then # for the test of the page that `make trace` leaves
	need /usr/bin/chromium chromium
	need node nodejs
	need npm npm
fi
if [ "$level" = bench ]; then need gnuplot gnuplot-nox; fi
if [ "$level" = check ]; then
	need clang clang
	need ld.lld lld
	need llvm-nm llvm
	need clang-format clang-format
	need shellcheck shellcheck
fi

# What drives the browser: into the build directory, never into the tree.
browser_driver() {
	dir=${B:-build}/page
	[ "$level" = ci ] && [ ! -d "$dir/node_modules/playwright-core" ] || return 0
	echo "setup: installing by npm: playwright-core"
	mkdir -p "$dir"
	cp tests/page/package.json "$dir"
	npm install --prefix "$dir" --no-audit --no-fund --silent
}

[ -n "$missing" ] || { browser_driver; exit 0; }

if ! command -v apt-get >/dev/null 2>&1; then
	echo "setup: please install what these Debian packages hold:$missing" >&2
	echo "setup: (a cross compiler, QEMU and GRUB for x86; then say make again)" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null 2>&1 || {
		echo "setup: as root, please run: apt-get install$missing" >&2
		exit 1
	}
	sudo=sudo
fi
echo "setup: installing by apt-get:$missing"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
	{ $sudo apt-get update -qq && $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
	{ echo "setup: apt-get failed; please install:$missing" >&2; exit 1; }
browser_driver
