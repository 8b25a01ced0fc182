# shellcheck shell=sh
# Policy and quota, with AMD-Vi instead of VT-d.
export IOMMU=amdvi
OUT=${OUT:-${B:-build}/test}/amdvi
. tests/cases/policy.sh
