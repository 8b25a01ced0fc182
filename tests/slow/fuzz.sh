# shellcheck shell=sh
# The fuzzers on this machine, for FUZZ_SECONDS each.
. tests/lib.sh
log=$OUT/fuzz.log
make -s host-fuzz FUZZ_SECONDS="${FUZZ_SECONDS:-300}" >"$log" 2>&1
code=$?
check "no fuzzer finds anything" test "$code" = 0
check "and they ran, or there is no libFuzzer here" grep -qE "^(ok|# host-fuzz skipped)" "$log"
finish
