# shellcheck shell=sh
# Two CPUs that never leave the guest by themselves, on a host of three, while their pages move: each
# must forget its translation before its page is copied. QEMU forgets all at each entry (7.2), so
# only a CPU that stays in the guest can tell.
. tests/lib.sh
# shellcheck disable=SC2046
CPUS=3 boot flush 'script="sh /tests/steady.sh"' $(root_disk)
ended "the host ends well"
check "their pages have moved, 200 times each" test "$(grep -c '^1 moved, 0 pinned' "$log")" = 400
expect "and all that they wrote is there: they count on" "^s +running +16 MiB 2 CPUs"
check "they have left the guest for the host's sake only" awk '/^(interrupt|nested-fault) / { n += $2 } $1 == "all" { all = $2 } END { exit !(n && all == n + 6) }' "$log"
finish
