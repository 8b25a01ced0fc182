# shellcheck shell=sh
# The demonstration's story, with AMD-Vi instead of VT-d.
export IOMMU=amdvi
OUT=${OUT:-${B:-build}/test}/amdvi
. tests/cases/coop.sh
