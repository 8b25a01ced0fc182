# shellcheck shell=sh
# A machine without an IOMMU: a device is assigned only with --unsafe, and then the VMM says where
# the pages are that it pins. What an IOMMU is good for: without one the guest's device reaches the
# host's memory, and a guest that takes its addresses for the machine's reaches somebody else's.
. tests/lib.sh
disk=$OUT/unsafe.img
random_disk "$disk" 4
want=$(sha "$disk")
run='vmctl start a && vmctl wait a \"that was it\"; vmctl maps a; vmctl status a; vmctl send a go; vmctl wait a; vmctl destroy a; cat /proc/mem; sha256sum /dev/nvme1'
for why in none direct intremap; do
	case $why in
	none) says="this machine has no IOMMU" can="reach all memory" more= ;;
	direct) says="the IOMMU is not in use \(mode=direct\)" can="reach all memory" more=mode=direct ;;
	intremap) says="the IOMMU does not remap interrupts" can="raise any interrupt" more= ;;
	esac
	[ $why = none ] && IOMMU=none || IOMMU=vtd
	iommu="-device intel-iommu,intremap=off,aw-bits=48"
	[ $why = intremap ] && IOMMU=none || iommu=
	# shellcheck disable=SC2046,SC2086
	boot unsafe-$why "$more script=\"vmctl create a -s 'sha256sum /dev/nvme0; dd if=/dev/nvme0 of=/dev/nvme0 bs=64k; cat /proc/dma; echo that was it; dd if=/dev/console of=/dev/null bs=16 count=1'; vmctl assign a 00:04.0; vmctl assign a 00:04.0 --unsafe -p permit; $run\"" \
		$(root_disk) $(disk "$disk" 4) $iommu
	ended "$why: the machine ends well"
	expect "$why: refused, and what to do" "^vmctl: 00:04.0: $says.* \(with --unsafe"
	expect "$why: the console says so" "vm a: 00:04.0 can $can, the host's too: $says"
	expect "$why: the guest reads and writes the disk; VM and host get all back" "^a\| $want" \
		"^a .* 00:04.0 \(permit, unsafe, attached\)" "^VM +0$" "^$want"
	check "$why: nothing was lost on the way" test "$(sha "$disk")" = "$want"
	rows=$(awk '$1 == "00:04.0" && NF == 6 { n++; if ($2 == $4) same++; if ($3 == $4) gpa++ } END { print n + 0, same + 0, gpa + 0 }' "$log")
	case $why in
	intremap) check "$why: addresses are translated" test "${rows#* }" = "0 0" ;;
	*)
		check "$why: bus addresses are the machine's, not the guest's" test "$rows" = "${rows%% *} ${rows%% *} 0" -a "${rows%% *}" -gt 3
		expect "$why: the guest says so, too" "^a\| .*nobody translates for it" "^a\| 00:04.0 +identity "
		;;
	esac
done

# The lesson: both VMs have an edu of their own and write into a page of the host's.
for IOMMU in none vtd; do
	# shellcheck disable=SC2046
	MEM=192 boot "unsafe-lesson-$IOMMU" 'script="sh /tests/unsafe.sh"' $(root_disk) -device edu,addr=5 -device edu,addr=6
	ended "lesson, IOMMU=$IOMMU: the host lives on"
	case $IOMMU in
	none)
		expect "lesson: the guest's device has written the host's page, and what the guest wanted" "^after g (b0){16}$"
		expect "lesson: for one that does not ask, it has read what the machine has at the guest's own address" "^after h [0-9a-f]{32}$"
		reject "lesson: and that is neither its pattern nor what the host's page had" "^after h ((b0){16}|(11){16})$"
		;;
	vtd) expect "lesson: behind an IOMMU neither is possible" "^after g (11){16}$" "^after h (11){16}$" ;;
	esac
done
finish
