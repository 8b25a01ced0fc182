# shellcheck shell=sh
# A file with double-indirect blocks in a file system of 8 GiB: tests/slow/fslarge.sh in small.
BIG_MIB=24
. tests/slow/fslarge.sh
