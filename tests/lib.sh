# shellcheck shell=sh
# What test cases and the demonstration share. A case is a shell script that calls boot, and then
# expect, reject and check; each of these prints one TAP line.
#
# Environment: B (build directory), OUT (logs), BOOT, CPUS, MEM, IOMMU, ACCEL, QEMUEXTRA.

B=${B:-build}
OUT=${OUT:-$B/test}
QEMU=${QEMU:-qemu-system-x86_64}
LIMIT=${LIMIT:-300} # seconds for one boot: generous, TCG on a busy machine is slow
mkdir -p "$OUT"
tap=0
failures=0
log=/dev/null

ok() { # ok NAME
	tap=$((tap + 1))
	echo "ok $tap - $1"
}

not_ok() { # not_ok NAME WHY
	tap=$((tap + 1))
	failures=$((failures + 1))
	echo "not ok $tap - $1"
	echo "# $2; log: $log"
}

# check NAME COMMAND...: passes if the command does.
check() {
	name=$1
	shift
	if "$@"; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}

# expect NAME LINE...: each extended regular expression matches a line of the log, in this order.
expect() {
	name=$1 at=1
	shift
	for line in "$@"; do
		found=$(tail -n +"$at" "$log" | grep -nE -m1 -- "$line" | cut -d: -f1)
		if [ -z "$found" ]; then
			not_ok "$name" "missing: $line"
			return
		fi
		at=$((at + found))
	done
	ok "$name"
}

# reject NAME LINE: no line of the log matches.
reject() {
	if grep -qE -- "$2" "$log"; then
		not_ok "$1" "found: $(grep -E -m1 -- "$2" "$log")"
	else
		ok "$1"
	fi
}

finish() {
	echo "1..$tap"
	[ "$failures" = 0 ]
}

# random_disk FILE MIB: random content made on this machine.
random_disk() {
	head -c $(($2 << 20)) /dev/urandom >"$1"
}

sha() {
	sha256sum "$1" | cut -d' ' -f1
}

# disk FILE SLOT: an NVMe disk in PCI slot SLOT; changes go to the file.
disk() {
	echo "-drive if=none,id=disk$2,file=$1,format=raw,cache=writethrough -device nvme,drive=disk$2,serial=disk$2,addr=$2"
}

# The root disk: shared by cases that run side by side, so changes are thrown away.
root_disk() {
	echo "-drive if=none,id=disk3,file=$B/fs.img,format=raw,snapshot=on -device nvme,drive=disk3,serial=disk3,addr=3"
}

iommu() {
	case ${IOMMU:-vtd} in
	vtd) echo "-device intel-iommu,intremap=on,aw-bits=48" ;;
	amdvi) echo "-device amd-iommu,intremap=on" ;;
	none) ;;
	*) echo "IOMMU=$IOMMU: not one of vtd, amdvi, none" >&2; exit 2 ;;
	esac
}

# How to load the kernel with this command line: sets $loader.
loader_for() { # NAME COMMAND-LINE
	case ${BOOT:-kernel} in
	kernel) loader="-kernel ${KERNEL:-$B/halcyon.elf}" ;;
	iso | uefi)
		tools/mkiso.sh "$OUT/$1.iso" "$B/halcyon.elf" "$B/fs.img" "$2"
		loader="-cdrom $OUT/$1.iso -boot d"
		if [ "$BOOT" = uefi ]; then
			cp /usr/share/OVMF/OVMF_VARS_4M.fd "$OUT/$1.vars"
			loader="$loader -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd"
			loader="$loader -drive if=pflash,format=raw,file=$OUT/$1.vars"
		fi
		;;
	*) echo "BOOT=$BOOT: not one of kernel, iso, uefi" >&2; exit 2 ;;
	esac
}

# boot NAME COMMAND-LINE [QEMU ARGUMENT...]: runs the machine until it ends. Leaves its output in
# $log, QEMU's own messages in $log.err, and in $status what the guest gave the debug-exit port
# (or "timeout", "off", or "qemu N").
boot() {
	name=$1 append=$2
	shift 2
	log=$OUT/$name.log
	loader_for "$name" "$append"
	# -append is for direct loading only; the ISO has the command line in its menu.
	[ "${BOOT:-kernel}" != kernel ] || set -- -append "$append" "$@"
	code=0
	# shellcheck disable=SC2046,SC2086
	timeout -k 5 "$LIMIT" "$QEMU" -M q35 -accel "${ACCEL:-tcg}" -cpu "${CPU:-max}" -m "${MEM:-512}" \
		-smp "${CPUS:-2}" -nodefaults -vga none -display none -serial stdio -no-reboot \
		-device isa-debug-exit,iobase=0xf4,iosize=4 $(iommu) $loader "$@" ${QEMUEXTRA:-} \
		</dev/null >"$log" 2>"$log.err" || code=$?
	case $code in
	0) status=off ;;
	124 | 137) status=timeout ;;
	*[13579]) status=$(((code - 1) / 2)) ;;
	*) status="qemu $code" ;;
	esac
	# QEMU's own failures end with 1 too, which is also how a guest's status 0 comes out.
	grep -q "Halcyon: booted" "$log" || status="not booted: $(tail -n 1 "$log.err")"
	tr -d '\r' <"$log" >"$log.clean" && mv "$log.clean" "$log"
}

# ended NAME: the last boot ended by itself with status 0.
ended() {
	if [ "$status" = 0 ]; then ok "$1"; else not_ok "$1" "ended with: $status $(grep -m1 panic: "$log")"; fi
}
