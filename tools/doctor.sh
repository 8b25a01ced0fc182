#!/bin/sh
# make doctor: what this machine has of what Halcyon needs, with versions; and what to install where
# something is missing. Installs nothing.
set -u
cd "$(dirname "$0")/.." || exit 2
bad=0
system=unknown
case $(uname -s) in
Darwin) system=macos ;;
Linux)
	# shellcheck disable=SC1091
	id=$(. /etc/os-release 2>/dev/null; echo "${ID:-} ${ID_LIKE:-}")
	case $id in
	*debian* | *ubuntu*) system=debian ;;
	*fedora* | *rhel*) system=fedora ;;
	*arch*) system=arch ;;
	esac
	;;
esac
echo "     system: $(uname -sm), packages as on $system"
if grep -qi microsoft /proc/version 2>/dev/null; then
	echo "     WSL: keep the tree in the Linux file system (~/…, not /mnt/c): builds there are many times faster"
fi

# advise DEBIAN FEDORA ARCH MACOS: the line to type.
advise() {
	case $system in
	debian) echo "     do: sudo apt-get install $1" ;;
	fedora) echo "     do: sudo dnf install $2" ;;
	arch) echo "     do: sudo pacman -S $3" ;;
	macos) echo "     do: brew install $4" ;;
	*) echo "     do: install what Debian calls $1" ;;
	esac
}
# have WHAT VERSION, and lack WHAT WHY.
have() { printf 'ok   %-14s %s\n' "$1" "$2"; }
lack() {
	printf 'LACK %-14s %s\n' "$1" "$2"
	bad=$((bad + 1))
}
first() { # of these commands, that exists
	for c in "$@"; do command -v "$c" 2>/dev/null && return; done
	return 1
}
version() { "$@" --version 2>&1 | head -n 1; }

m=$(first gmake make)
if [ -n "$m" ] && [ "$("$m" --version | sed -n '1s/.*Make \([0-9]*\).*/\1/p')" -ge 4 ] 2>/dev/null; then
	have make "$(version "$m")"
else
	lack make "GNU make 4 or newer${m:+; this is $(version "$m")}"
	advise make make make "make (and type gmake)"
fi
gcc=
for p in "${TOOLPREFIX:-}" x86_64-linux-gnu- x86_64-elf-; do
	case $("${p}gcc" -dumpmachine 2>/dev/null) in x86_64*linux* | x86_64*elf*) gcc=${p}gcc && break ;; esac
done
if [ -n "$gcc" ]; then
	v=$("$gcc" -dumpversion)
	if [ "${v%%.*}" -ge 10 ]; then have compiler "$gcc $v"; else
		lack compiler "$gcc $v is too old: 10 or newer, or say LLVM=1 with clang"
		advise gcc gcc gcc x86_64-elf-gcc
	fi
elif [ -n "$(first clang)" ] && [ -n "$(first ld.lld)" ]; then
	have compiler "$(version clang): say make LLVM=1"
else
	lack compiler "a gcc that makes x86-64 ELF, or clang and lld"
	advise "gcc binutils libc6-dev" "gcc binutils glibc-devel" "gcc binutils" x86_64-elf-gcc
fi
if [ -n "$(first cc)" ]; then have "host compiler" "$(version cc)"; else
	lack "host compiler" "cc, for the programs that run here"
	advise "gcc libc6-dev" gcc gcc "(type xcode-select --install)"
fi
q=$(first "${QEMU:-qemu-system-x86_64}")
v=$([ -z "$q" ] || "$q" --version | sed -n '1s/.*version \([0-9.]*\).*/\1/p')
case $v in
'') lack qemu "qemu-system-x86_64, 7.2 or newer" ;;
[0-6].* | 7.[01].*) lack qemu "$v is too old: 7.2 or newer (labs and tests are made on 7.2)" ;;
*) have qemu "$v" ;;
esac
case $v in
'' | [0-6].* | 7.[01].*) advise "qemu-system-x86 seabios" qemu-system-x86 qemu-system-x86 qemu ;;
*)
	for d in intel-iommu amd-iommu edu nvme; do
		if "$q" -device help 2>/dev/null | grep -q "\"$d\""; then have "device $d" "in QEMU"; else
			lack "device $d" "this QEMU was built without it: take one that is whole"
		fi
	done
	;;
esac
g=$(first "${GRUB_MKRESCUE:-grub-mkrescue}" grub2-mkrescue i686-elf-grub-mkrescue)
if [ -n "$g" ]; then have grub "$(version "$g")"; else
	lack grub "grub-mkrescue; without it only BOOT=kernel works (labs need no more)"
	advise "grub-common grub-pc-bin grub-efi-amd64-bin" "grub2-tools-extra grub2-pc-modules grub2-efi-x64-modules" grub i686-elf-grub
fi
for c in xorriso mformat; do
	if [ -n "$(first $c)" ]; then have $c "$(version $c)"; else
		lack $c "for make iso"
		if [ $c = xorriso ]; then advise xorriso xorriso libisoburn xorriso; else advise mtools mtools mtools mtools; fi
	fi
done
for c in git patch awk; do
	if [ -n "$(first $c)" ]; then have $c "$(command -v $c)"; else
		lack $c "for the labs"
		advise $c $c $c $c
	fi
done
if [ -n "$(first sha256sum)" ]; then have sha256sum "$(command -v sha256sum)"; else
	lack sha256sum "and timeout, truncate: the tests use GNU's"
	advise coreutils coreutils coreutils "coreutils (and put \$(brew --prefix)/opt/coreutils/libexec/gnubin first in PATH)"
fi
d=$(first gdb x86_64-elf-gdb)
if [ -n "$d" ]; then have gdb "$(version "$d")"; else
	echo "note gdb            for make qemu-gdb"
	advise gdb gdb gdb x86_64-elf-gdb
fi
if [ -w /dev/kvm ]; then have kvm "/dev/kvm is there: try ACCEL=kvm"; else
	echo "note kvm            not here, or not yours: TCG is used, which all labs are made for"
fi
[ $bad = 0 ] || { echo "$bad missing"; exit 1; }
echo "all there"
