# shellcheck shell=sh
# The kernel's own files on this machine, under sanitizers: walker, IOVA, parsers.
. tests/lib.sh
log=$OUT/host.log
make -s host-test >"$log" 2>&1
code=$?
# Its checks become ours.
grep -E '^(ok|not ok) ' "$log" | sed -E 's/^(ok|not ok) [0-9]+/\1 0/' >"$OUT/host.checks"
while read -r line; do
	tap=$((tap + 1))
	echo "$line" | sed -E "s/^(ok|not ok) 0/\1 $tap/"
done <"$OUT/host.checks"
check "every program under ASan and UBSan ended well" test "$code" = 0
finish
