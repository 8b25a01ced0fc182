# shellcheck shell=sh
# The same system built by clang and lld: it boots, and both DMA contract tests pass.
. tests/lib.sh
if ! command -v clang >/dev/null 2>&1 || ! command -v ld.lld >/dev/null 2>&1; then
	echo "ok 1 - skipped: no clang and lld here # SKIP"
	echo "1..1"
	exit 0
fi
log=$OUT/clang-build.log
make -s LLVM=1 B="$OUT/clang" all >"$log" 2>&1
check "it builds" test -s "$OUT/clang/fs.img"
export B="$OUT/clang"
# shellcheck disable=SC2046
boot clang 'script="usertests && edu test && vmctl create b -s \"edu test\" && vmctl assign b 00:05.0 && vmctl start b && vmctl wait b"' \
	$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
ended "system calls and contract, on the host and in a guest"
check "and all were looked at" test "$(grep -cE '^(b\| )?ok' "$log")" -gt 60
finish
