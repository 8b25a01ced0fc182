# shellcheck shell=sh
# Hostile guests on a host with two CPUs: see tests/cases/hostile.sh.
CPUS=2
. tests/cases/hostile.sh
