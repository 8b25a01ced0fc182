# shellcheck shell=sh
# The test build audits at every exit of a VM what its devices reach, and who has pinned it
# (tests/kernel/audit.c): random calls, a disk that reads under the mover, denials and deaths.
. tests/lib.sh
disk=$OUT/audit.img
random_disk "$disk" 4
want=$(sha "$disk")
log=$OUT/audit-build.log
make -s DEBUG=1 B="$OUT/audit" all >"$log" 2>&1
B=$OUT/audit
# shellcheck disable=SC2046
boot audit 'audit=1 script="sh /tests/audit.sh"' $(root_disk) $(disk "$disk" 4) -device edu,addr=5,dma_mask=0xffffffff
reject "each audit finds that all is in order" "panic: audit"
ended "it ends"
expect "random calls, and a death with grants" "random is through" "^audit: [0-9]{5,} exits, [0-9]{2,} of all frames"
check "a disk under the mover, denied and permitted" test "$(grep -c "^a| $want" "$log")" = 2
expect "all of it" "^all is over"
finish
