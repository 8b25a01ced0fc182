# shellcheck shell=sh
# Guests that misbehave, with AMD-Vi instead of VT-d.
export IOMMU=amdvi
OUT=${OUT:-${B:-build}/test}/amdvi
. tests/cases/hostile.sh
