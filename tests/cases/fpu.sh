# shellcheck shell=sh
# VMs keep different x87, SSE and AVX state and XCR0, and neither they nor the host's programs see
# anything of one another's. On two CPUs all have the same in x87: loading that is what QEMU 7.2 does
# to the first CPU, whichever it is (vmm/svm.c).
. tests/lib.sh
for CPUS in 1 2; do
	keep=
	[ "$CPUS" = 1 ] || keep=-SSE
	# shellcheck disable=SC2046
	boot "fpu-$CPUS" "script=\"sh /tests/fpu$keep.sh\"" $(root_disk)
	ended "$CPUS CPUs: the host ends well"
	expect "$CPUS CPUs: what XCR0 is not to have is empty, and cannot stay on" "the first is through"
	expect "$CPUS CPUs: with AVX: all is as it was after each of 3,000 exits" "v12$keep is through"
	expect "$CPUS CPUs: the same without AVX, of which nothing is there" "v13$keep is through"
	expect "$CPUS CPUs: what the first has left is gone" "v14 is through"
	expect "$CPUS CPUs: the host's programs get at none of it" "^ok .* SSE" "^ok .* AVX"
done
finish
