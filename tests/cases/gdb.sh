# shellcheck shell=sh
# .gdbinit's commands on a machine that is stopped in a system call while a VM has a disk: they show
# what the kernel itself says (vmctl maps, /proc), and what QEMU's own page walk finds.
. tests/lib.sh
if ! command -v gdb >/dev/null 2>&1; then
	echo "ok 1 - skipped: no gdb here # SKIP"
	echo "1..1"
	exit 0
fi
disk=$OUT/gdb.img out=$OUT/gdb.out
random_disk "$disk" 1
rm -f "$OUT/gdb.sock"
cat >"$OUT/gdb.cmd" <<END
source .gdbinit
target remote $OUT/gdb.sock
hbreak sys_sleep
continue
backtrace
list
step
shell tr -d '\r' <$OUT/gdb.log | awk '/^00:04.0 .* rw / && !n++ { print "iopt 00:04.0 0x" \$2 }' >$OUT/gdb.iopt
source $OUT/gdb.iopt
iopt 00:1f.0 0
npt a 0x1c1000
npt 1 0x1c1000
npt nobody 0
ps
ps 1
eval "monitor cpu %d", \$_thread - 1
pt 0x400000
monitor gva2gpa 0x400000
pt &ncpus
eval "monitor gva2gpa %#lx", &ncpus
pt 0xffff800010012345
monitor gva2gpa 0xffff800010012345
pt 0x800000000000
dmesg
detach
END
(
	for _ in $(seq 600); do
		[ -S "$OUT/gdb.sock" ] && break
		sleep 0.1
	done
	timeout -k 5 "$LIMIT" gdb -nx -batch -x "$OUT/gdb.cmd" "$B/halcyon.elf" >"$out" 2>&1
) &
# shellcheck disable=SC2046
boot gdb 'script="vmctl create a -s \"sha256sum /dev/nvme0; echo mapped; dd if=/dev/console of=/dev/null bs=16 count=1\"; vmctl assign a 00:04.0; vmctl start a; vmctl wait a mapped; vmctl maps a; vmctl maps a 0x1c1000; cat /proc/iommu; cat /proc/ps; sleep 0.1; exit 0"' \
	$(root_disk) $(disk "$disk" 4) -chardev "socket,path=$OUT/gdb.sock,server=on,wait=off,id=gdb" -gdb chardev:gdb -S
wait
ended "the machine goes on afterwards"
tr -d '\r' <"$out" >"$out.clean" && mv "$out.clean" "$out"

# What the kernel said.
hpa=$(awk '/^00:04.0 .* rw / && !n++ { print "0x" $4 }' "$log")
domain=$(awk '$2 == "vtd" && $3 == "00:04.0" { print $1 }' "$log")
gpa=$(grep -E '^0x[0-9a-f]+$' "$log")
awk '$4 ~ /^(init|sh|vm:a)$/ { print $1, $4 }' "$log" >"$OUT/gdb.ps"
log=$out
expect "stopped in a system call: backtrace, source, step" "Breakpoint 1, sys_sleep" "^#1 .* syscall " "^#2 .* syscall_entry" \
	"[0-9]+.*sys_sleep\(" "in sleep_ms \(ms="
expect "iopt: the domain, its levels, and where vmctl says" "^domain ${domain:-?}, driver vtd" "^level 2 .*table" \
	"^level 0 .*page of 4 KiB, rw" "^IOVA .* -> physical ${hpa:-?}$" "^00:1f.0: attached to no domain"
expect "npt: by name and by number, where vmctl says" "^level 3 .*table" "^GPA 0x1c1000 -> HPA ${gpa:-?}$" \
	"^GPA 0x1c1000 -> HPA ${gpa:-?}$" "^nobody: no such VM"
awk '$3 ~ /^(init|sh|vm:a)$/ && /PROC_/ { print $1, $3 }' "$out" >"$out.ps"
check "ps: the processes of /proc/ps" cmp "$OUT/gdb.ps" "$out.ps"
check "ps: and there are some" test "$(wc -l <"$out.ps")" = 3
expect "ps PID: where a process sleeps" "PROC_SLEEPING.init" "PROC_SLEEPING.sh" "PROC_RUNNING.sleep" "sched.c.*<sched_leave" "<proc_wait" "syscall.c.*<syscall"
awk '/^VA .*physical/ { pt[n++] = $5 } /^gpa:/ { if (pt[m++] != $2) bad++ } END { exit !(n == 3 && m == 3 && !bad) }' "$out"
check "pt: a page of a process, of the image and of the direct map: where QEMU finds them" test $? = 0
expect "pt: what is no address" "^VA 0x800000000000 is not canonical"
expect "dmesg" "booted by PVH" "fs: root on nvme0"
finish
