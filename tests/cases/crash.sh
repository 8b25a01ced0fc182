# shellcheck shell=sh
# The machine is killed while it writes: a few rounds of tests/slow/crash.sh.
ROUNDS=6
. tests/slow/crash.sh
