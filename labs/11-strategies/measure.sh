#!/bin/sh
# Measures every strategy, on the machine and in a guest, in instructions (QEMU's -icount), and draws
# cost against exposure: cost.tsv and cost.svg beside this file.
cd "$(dirname "$0")/../.." || exit 1
here=labs/11-strategies
make --no-print-directory -s all || exit 1
B=build OUT=build/measure
. tests/lib.sh
export CPU=EPYC CPUS=1 LIMIT=900 QEMUEXTRA="-icount shift=0,sleep=on"
head -c 1048576 /dev/zero >"$OUT/disk.img"
bench=$(for s in strict bounce deferred persistent optimistic ondemand static batched; do
	printf 'dmabench map 00:04.0 -s %s -b 16 -n 100; sleep 1; cat /proc/dma; ' "$s"
done)
measure() { # MODE COMMAND-LINE
	echo "measuring: $1" >&2
	# shellcheck disable=SC2046
	boot "$1" "$2" $(root_disk) $(disk "$OUT/disk.img" 4)
	[ "$status" = 0 ] || { echo "it ended with: $status; see $log" >&2; exit 1; }
	# A line of dmabench; then /proc/dma counts pages times us from the start on.
	sed 's/^a| //' "$log" | awk -v mode="$1" 'split($0, f, "\t") == 11 && f[3] == 16 {
			name = f[1]; cost = f[5]; inv = f[6]; calls = f[7]; all = f[11] > 1e6 ? f[11] / 4096 * 1e6 : 0 }
		$1 == "00:04.0" && $2 == name { printf "%s\t%s\t%d\t%d\t%d\t%.0f\n", mode, name, cost, inv, calls, all ? all : $9 - was; was = $9 }'
}
printf 'mode\tstrategy\tinstructions\tinvalidations x 1000\thypercalls x 1000\texposed pages x us\n' >$here/cost.tsv
measure native "script=\"$bench\"" >>$here/cost.tsv
measure guest "script=\"vmctl create a -m 64 -s '$bench'; vmctl assign a 00:04.0; vmctl start a; vmctl wait a\"" >>$here/cost.tsv
awk -F '\t' '
	function x(v) { return 80 + 58 * log(v + 1) / log(10) }
	function y(v) { return 420 - 90 * (log(v) / log(10) - 1) }
	BEGIN { print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 480\" font-family=\"sans-serif\" font-size=\"12\">"
		print "<rect width=\"800\" height=\"480\" fill=\"white\"/><path d=\"M80 40 V420 H790\" fill=\"none\" stroke=\"black\"/>"
		for (i = 1; i <= 5; i++) printf "<text x=\"70\" y=\"%d\" text-anchor=\"end\">%d</text>\n", y(10 ^ i) + 4, 10 ^ i
		for (i = 0; i <= 11; i++) printf "<text x=\"%d\" y=\"440\" text-anchor=\"middle\">%s</text>\n", x(10 ^ i), i ? "10^" i : "0"
		print "<text x=\"300\" y=\"465\">exposed: pages times microseconds after their unmap</text>"
		print "<text x=\"16\" y=\"25\">instructions for a pair of map and unmap (circle: native; square: in a guest)</text>" }
	NR > 1 && $1 == "native" { printf "<circle cx=\"%d\" cy=\"%d\" r=\"4\" fill=\"steelblue\"/>", x($6), y($3) }
	NR > 1 && $1 != "native" { printf "<rect x=\"%d\" y=\"%d\" width=\"8\" height=\"8\" fill=\"firebrick\"/>", x($6) - 4, y($3) - 4 }
	NR > 1 { printf "<text x=\"%d\" y=\"%d\">%s</text>\n", x($6) + 7, y($3) + (NR % 2 ? 14 : -6), $2 }
	END { print "</svg>" }' $here/cost.tsv >$here/cost.svg
echo "see $here/cost.tsv and $here/cost.svg"
