# shellcheck shell=sh
# Screen and keyboard under GRUB: what is typed on the keyboard reaches the shell, and the screen is
# painted. The keys are pressed, and the picture taken, through QEMU's monitor.
. tests/lib.sh
for BOOT in iso uefi; do
	log=$OUT/screen-$BOOT.log picture=$OUT/screen-$BOOT.ppm
	rm -f "$log" "$picture"
	loader_for "screen-$BOOT" "loglevel=2"
	# shellcheck disable=SC2046,SC2086
	(
		for _ in $(seq 900); do
			grep -qs "^\\$ " "$log" && break
			sleep 0.1
		done
		for key in e c h o spc shift-o k minus 4 2 ret; do
			echo "sendkey $key"
			sleep 0.2
		done
		sleep 1
		echo "screendump $picture"
		sleep 1
		echo quit
	) | timeout -k 5 150 "$QEMU" -M q35 -cpu max -m 512 -smp 2 -nodefaults -vga std -display none \
		-monitor stdio -serial file:"$log" $(iommu) $loader $(root_disk) >/dev/null 2>&1
	tr -d '\r' <"$log" >"$log.clean" && mv "$log.clean" "$log"
	expect "$BOOT: the keyboard" "welcome" "^\\$ echo Ok-42" "^Ok-42"
	# A black picture compresses to nothing.
	check "$BOOT: the screen shows text" test "$(gzip -c "$picture" 2>/dev/null | wc -c)" -gt 4000
done
finish
