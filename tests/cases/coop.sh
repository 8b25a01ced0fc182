# shellcheck shell=sh
# The demonstration's story with 1 and 4 CPUs (the demonstration itself has 2).
. tests/lib.sh
for CPUS in 1 4; do
	export CPUS
	OUT=$OUT/story-$CPUS sh tests/demo.sh >"$OUT/story-$CPUS.out" 2>&1
	code=$?
	log=$OUT/story-$CPUS.out
	check "$CPUS CPUs: every step of the story holds" test "$code" = 0
	check "$CPUS CPUs: and all were looked at" test "$(grep -c '^   ok' "$log")" = 22
done
finish
