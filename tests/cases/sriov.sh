# shellcheck shell=sh
# Virtual functions of one NVMe disk, each given to another VM, on both IOMMUs. The truth is in the
# disk's file, and in QEMU's trace: who translates in which domain.
. tests/lib.sh
disk=$OUT/sriov.img
random_disk "$disk.old" 4
cp "$disk.old" "$disk.want"
dd if="$disk.old" of="$disk.want" bs=4096 count=384 seek=512 conv=notrunc 2>/dev/null
part() { dd if="$disk.old" bs=4096 count=128 skip="$1" 2>/dev/null | sha256sum | cut -d' ' -f1; }
# shared PLACE: a disk there that can have four virtual functions
shared() {
	echo "-device nvme-subsys,id=subsys -device nvme,id=pf,serial=pf,$1,multifunction=on,subsys=subsys" \
		"-drive if=none,id=shared,file=$disk,format=raw,cache=writethrough -device nvme-ns,drive=shared,nsid=1,bus=pf"
}
four=,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=8
for i in vtd amdvi; do
	cp "$disk.old" "$disk"
	trace=$OUT/sriov-$i.trace
	rm -f "$trace"
	# shellcheck disable=SC2046
	IOMMU=$i boot "sriov-$i" 'vfs=3 script="sh /tests/sriov.sh"' $(root_disk) $(shared "addr=4$four") \
		-D "$trace" -trace vtd_iotlb_page_update -trace amdvi_cache_update
	ended "$i: the host ends well"
	expect "$i: three functions, each a disk" "nvme 00:04.1: nvme2" "nvme 00:04.2: nvme3" "nvme 00:04.3: nvme4" "^00:04.3 1b36:0010 .* nvme$"
	expect "$i: neither one that is given away nor what it is a part of can be assigned" \
		"vmctl: 00:04.2: it is assigned already" "vmctl: 00:04.0: the host uses it" "^00:04.0 .* nvme$" "^00:04.3 .* c$"
	for v in a b c; do
		check "$i: $v sees a disk like any other" grep -qE "^$v\| 00:1f.0 1b36:0010 class 010802 nvme" "$log"
	done
	check "$i: each reads its part" test "$(grep -cE "^a\| $(part 0)|^b\| $(part 128)|^c\| $(part 256)" "$log")" = 5
	check "$i: all have written theirs, at once, and nothing else is changed" cmp "$disk" "$disk.want"
	check "$i: one is denied: nothing is mapped, and it reads no more" awk '/^== deny/ { on = 1 } /^== another/ { on = 0 }
		on && /^b\| .*denied by policy/ { n++ } on && /^00:04.2/ { bad = 1 } END { exit !n || bad }' "$log"
	expect "$i: released it is the host's, and then another's" "^== another" "^$(sha "$disk.want")  /dev/nvme2" "^d\| $(sha "$disk.want")" "^d well"
	expect "$i: and the others go on meanwhile" "^== the others" "^a\| $(part 0)" "^a well" "^c well"
	expect "$i: who does not ask gets nothing" "^== one that" "^e\| no disk"
	expect "$i: all come back" "^00:04.1 .* nvme$" "^00:04.2 .* nvme$" "^00:04.3 .* nvme$" "^$(sha "$disk.want")  /dev/nvme1"
	# "function domain": of each translation
	sed -nE 's/^vtd_.* sid 0x(..) .* domain (0x[0-9a-f]+)$/\1 \2/p; s/^amdvi_.*domid (0x[0-9a-f]+).* devid: *(0x)?0*0:0*4\.(.) .*/2\3 \1/p' "$trace" | sort -u >"$OUT/sriov-$i.who"
	check "$i: QEMU saw each of them translate, in domains that no other was in" awk '/^2[0-3]/ { fn[$1] } n[$2]++ { bad = 1 }
		END { exit bad || !("21" in fn && "22" in fn && "23" in fn && "20" in fn) }' "$OUT/sriov-$i.who"
done
IOMMU=vtd
# shellcheck disable=SC2046
boot sriov-many 'vfs=5 script="sha256sum /dev/nvme1"' $(root_disk) $(shared "addr=4$four")
expect "more than it can have are none" "00:04.0: no virtual functions: it cannot have so many" "^$(sha "$disk")"
# shellcheck disable=SC2046
boot sriov-taken 'vfs=3 script="edu fact 5"' $(root_disk) $(shared "addr=4$four") -device edu,addr=4.2
expect "nor do they come where another device is" "00:04.0: no virtual functions: .* where another device is" "^120$"
# shellcheck disable=SC2046
boot sriov-port 'vfs=3 script="lspci"' $(root_disk) -device pcie-root-port,id=rp,addr=7,chassis=1 $(shared "bus=rp$four")
expect "behind a port, with a firmware that does not know them" "01:00.0: no virtual functions: the firmware has kept no addresses"
finish
