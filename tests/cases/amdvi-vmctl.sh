# shellcheck shell=sh
# Wrong use of vmctl, and 200 VMs, with AMD-Vi instead of VT-d.
export IOMMU=amdvi
OUT=${OUT:-${B:-build}/test}/amdvi
. tests/cases/vmctl.sh
