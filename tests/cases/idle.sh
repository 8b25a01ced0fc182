# shellcheck shell=sh
# Who has nothing to do does nothing: for 5 seconds in which nothing happens, the exits of a guest with
# two CPUs and the ticks of the host are counted. Then the guest is woken by its console, by its clock, and
# by its power button.
. tests/lib.sh
# difference ROW: by how much its second column grew between two listings.
difference() {
	awk -v row="$1" '$1 == row { n[++k] = $2 } END { if (k == 2) print n[2] - n[1] }' "$log"
}
for CPUS in 1 2 4; do
	export CPUS
	# shellcheck disable=SC2046
	boot idle-$CPUS 'script="sh /tests/idle.sh"' $(root_disk)
	ended "$CPUS CPUs: the host ends well"
	expect "$CPUS CPUs: the guest is woken by console, clock and power button" \
		"^g\| it hears" "^g\| it slept" "^g\| .*power button" "^it is off"
	exits=$(difference all) ticks=$(difference 0xe0)
	check "$CPUS CPUs: an idle guest exits 10 times a second at most: $exits in 5 s" test "${exits:-999}" -le 50
	check "$CPUS CPUs: an idle host ticks 10 times a second at most: $ticks in 5 s" test "${ticks:-999}" -le 50
done
finish
