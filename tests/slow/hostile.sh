# shellcheck shell=sh
# A million random hypercalls, and a million rounds of random ports, MSRs, CPUID leaves and registers
# of configuration space, at once, beside a VM that reads its disk.
. tests/lib.sh
LIMIT=3000
disk=$OUT/slow-hostile.img
random_disk "$disk" 4
want=$(sha "$disk")
# shellcheck disable=SC2046
boot slow-hostile 'script="vmctl create good -s \"sha256sum /dev/nvme0; sha256sum /dev/nvme0\"; vmctl assign good 00:04.0; vmctl create random -m 16 -k /tests/hostile-3-slow -r \"\"; vmctl assign random 00:05.0; vmctl create ports -m 16 -k /tests/hostile-4-slow -r \"\"; vmctl assign ports 00:06.0; vmctl start random; vmctl start ports; vmctl start good; vmctl wait good; vmctl wait random && echo calls survived; vmctl wait ports && echo ports survived; vmctl stats random; vmctl stats ports; vmctl destroy random; vmctl destroy ports; vmctl destroy good; cat /proc/mem"' \
	$(root_disk) $(disk "$disk" 4) -device edu,addr=5 -device edu,addr=6
ended "the host lives"
expect "both go on to the end" "calls survived" "ports survived" "^.vmcall +100000[0-9]" "^.cpuid +[0-9]{6}"
check "the one beside them has read its disk right, twice" test "$(grep -c "^good| $want" "$log")" = 2
expect "no frame belongs to a VM" "^VM +0$"
finish
