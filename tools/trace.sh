#!/bin/sh
# Records a scene (tests/guest/trace.sh: a VM reads some blocks of a disk that it has been given), and
# leaves it on this machine: $B/trace.txt, .summary, .json for Perfetto, and .html, a page that shows
# one I/O step by step.
set -eu
cd "$(dirname "$0")/.."
OUT=${OUT:-${B:-build}/trace}
. tests/lib.sh
to=${TRACE_TO:-$B}
LIMIT=${TRACE_LIMIT:-600}
BOOT=kernel
cp "$B/fs.img" "$OUT/fs.img"
random_disk "$OUT/disk.img" 1
case ${IOMMU:-vtd} in
vtd) seen='vtd_dmar_translate' told='vtd_inv_desc_iotlb*' ;;
amdvi) seen='amdvi_translation_result' told='amdvi_pages_inval' ;;
*) echo "trace: IOMMU=vtd or amdvi: without one there is little to see" >&2; exit 2 ;;
esac
echo "recording: a VM reads blocks of an NVMe disk, ${IOMMU:-vtd}"
# shellcheck disable=SC2046
MEM=${MEM:-256} boot trace 'script="sh /tests/trace.sh"' $(disk "$OUT/fs.img" 3) $(disk "$OUT/disk.img" 4) \
	-trace "$seen" -trace "$told" -D "$OUT/qemu.trace"
[ "$status" = 0 ] || { echo "trace: the scene ended with: $status; log: $log" >&2; exit 1; }
for f in txt summary json; do
	"$B/mkfs" -x "$OUT/fs.img" "/trace.$f" >"$to/trace.$f"
done
tools/tracepage.sh "$to/trace.txt" "$OUT/qemu.trace" >"$to/trace.html"
sed -n '/^STAGE/,/^$/p' "$to/trace.summary"
echo "$to/trace.html shows one of its I/Os: open it in a browser. $to/trace.json: in ui.perfetto.dev."
echo "All events: $to/trace.txt; counts and times: $to/trace.summary."
