# shellcheck shell=sh
# Reading and writing a disk, with AMD-Vi instead of VT-d.
export IOMMU=amdvi
OUT=${OUT:-${B:-build}/test}/amdvi
. tests/cases/nvme.sh
