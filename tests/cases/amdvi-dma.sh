# shellcheck shell=sh
# The DMA contract, with AMD-Vi instead of VT-d.
export IOMMU=amdvi
OUT=${OUT:-${B:-build}/test}/amdvi
. tests/cases/dma.sh
