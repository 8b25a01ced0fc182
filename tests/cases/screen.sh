# shellcheck shell=sh
# Screen and keyboard under GRUB: what is typed on the keyboard reaches the shell, and the screen is
# painted. The keys are pressed, and the picture taken, through QEMU's monitor; each key when the last
# has come out.
. tests/lib.sh
wait_for() { # wait_for COMMAND...: until it succeeds, for LIMIT seconds
	for _ in $(seq "${LIMIT}0"); do
		"$@" && return
		sleep 0.1
	done
}
last_line() { # last_line TEXT: the last line of the log begins so
	case $(tail -n 1 "$log" 2>/dev/null | tr -d '\r') in "$1"*) ;; *) return 1 ;; esac
}
for BOOT in iso uefi; do
	log=$OUT/screen-$BOOT.log picture=$OUT/screen-$BOOT.ppm
	rm -f "$log" "$picture"
	loader_for "screen-$BOOT" "loglevel=2"
	# shellcheck disable=SC2046,SC2086
	(
		shown='$ '
		for key in e:e c:c h:h o:o 'spc: ' shift-o:O k:k minus:- 4:4 2:2; do
			wait_for last_line "$shown"
			echo "sendkey ${key%%:*}"
			shown=$shown${key#*:}
		done
		wait_for last_line "$shown"
		echo "sendkey ret"
		wait_for grep -q '^Ok-42' "$log"
		echo "screendump $picture"
		wait_for test -s "$picture"
		echo quit
	) | timeout -k 5 "$LIMIT" "$QEMU" -M q35 -cpu max -m 512 -smp 2 -nodefaults -vga std -display none \
		-monitor stdio -serial file:"$log" $(iommu) $loader $(root_disk) >/dev/null 2>&1
	tr -d '\r' <"$log" >"$log.clean" && mv "$log.clean" "$log"
	expect "$BOOT: the keyboard" "welcome" "^\\$ echo Ok-42" "^Ok-42"
	# A black picture compresses to nothing.
	check "$BOOT: the screen shows text" test "$(gzip -c "$picture" 2>/dev/null | wc -c)" -gt 4000
done
finish
