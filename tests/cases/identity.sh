# shellcheck shell=sh
# iova=gpa: a buffer's bus address is its physical one, on the host and in a guest, where the
# machine's is another; a page in which two buffers lie is counted.
. tests/lib.sh
disk=$OUT/identity.img
random_disk "$disk" 4
want=$(sha "$disk")
read='sha256sum /dev/nvme0; dd if=/dev/nvme0 of=/dev/nvme0 bs=64k'
for IOMMU in vtd amdvi; do
	# shellcheck disable=SC2046
	MEM=128 boot "identity-$IOMMU" "iova=gpa script=\"sha256sum /dev/nvme1; dd if=/dev/nvme1 of=/dev/nvme1 bs=64k; dmabench map 00:04.0 -b 8 -n 9 -p 16 -l 9; edu test; echo strategy 00:04.0 deferred >/dev/dma && echo strategy 00:04.0 identity >/dev/dma && sha256sum /dev/nvme1; cat /proc/dma; vmctl create a -m 32 -a iova=gpa -s '$read; echo that was it; edu test; cat /proc/dma; dd if=/dev/console of=/dev/null bs=16 count=1' && vmctl assign a 00:04.0 && vmctl assign a 00:05.0 && vmctl start a && vmctl wait a 'that was it'; vmctl maps a; vmctl send a go; vmctl wait a; vmctl destroy a; cat /proc/mem; sha256sum /dev/nvme1\"" \
		$(root_disk) $(disk "$disk" 4) -device edu,addr=5
	expect "$IOMMU: the host's disk, changed to another strategy and back as well" "^$want" "^$want" "^00:04.0 +identity "
	expect "$IOMMU: the guest's, all memory back, and the host's again" "^a\| $want" "^a\| 00:04.0 +identity " "^VM +0$" "^$want"
	check "$IOMMU: nothing was lost on the way" test "$(sha "$disk")" = "$want"
	check "$IOMMU: the contract, but that a page is reached as long as one buffer in it is mapped" \
		test "$(grep -cE '^(a\| )?ok' "$log")" = 22 -a "$(grep -cE '^(a\| )?not ok 10 - and the first is gone' "$log")" = 2
	rows=$(awk '$1 == "00:04.0" && NF == 6 { n++; if ($2 == $3) gpa++; if ($2 == $4) hpa++ } END { print n + 0, gpa + 0, hpa + 0 }' "$log")
	check "$IOMMU: in vmctl maps IOVA = GPA, and neither is the HPA" test "$rows" = "${rows%% *} ${rows%% *} 0" -a "${rows%% *}" -gt 3
	reject "$IOMMU: no error" 'dma: 0|cannot [^b]'
	# A page with a buffer in each half; one beside it of the other direction goes elsewhere.
	# shellcheck disable=SC2046
	MEM=128 boot "identity-$IOMMU-page" "iova=gpa script=\"sh /tests/identity.sh\"" $(root_disk) -device edu,addr=5
	expect "$IOMMU: two halves of a page are mapped at the page" "^c 0x([0-9a-f]+)000$" "^d 0x([0-9a-f]+)800$"
	at() { sed -n "s/^$1 0x\\(.*\\)...\$/\\1/p" "$log"; }
	check "$IOMMU: both at the same" test -n "$(at c)" -a "$(at c)" = "$(at d)"
	expect "$IOMMU: the first unmap leaves the second, the second takes it away" "^still (b0){16}$" "^gone (55){16}$"
	check "$IOMMU: another direction gets another page, and the right bytes" test -n "$(at other)" -a "$(at other)" != "$(at c)"
	expect "$IOMMU: and the right bytes" "^read (66){16}$"
done
# Later than at boot there may be windows where the memory is.
# shellcheck disable=SC2046,SC2119
IOMMU=vtd boot identity-late 'script="echo strategy 00:03.0 identity >/dev/dma || echo refused; cat /proc/dma"' $(root_disk)
expect "taken up late it is refused, and strict stays" "^refused" "^00:03.0 +strict "
finish
