# shellcheck shell=sh
# The IOMMU contract with 10,000 random operations a run, each of several seeds.
OUT=${OUT:-${B:-build}/test}/slow-conform
OPS=${OPS:-10000}
SEEDS=${SEEDS:-1 2 3 4 $(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
. tests/cases/conform.sh
