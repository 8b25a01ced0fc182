# shellcheck shell=sh
# What programs may ask of the kernel: all of usertests, also what takes long.
. tests/lib.sh
LIMIT=900
# shellcheck disable=SC2046
boot slow-usertests 'script="usertests -s"' $(root_disk)
check "no check fails, nothing leaks" test "$(grep -c '^not ok' "$log")" = 0
check "all are there" test "$(grep -c '^ok' "$log")" -ge 165
ended "and it ends"
finish
