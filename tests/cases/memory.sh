# shellcheck shell=sh
# From 64 MiB to 64 GiB: the system calls' tests at both ends. Memory that nobody touches costs this
# machine nothing, so that it need not have as much.
. tests/lib.sh
sized() { # sized NAME SCRIPT: boots with $MEM MiB
	# shellcheck disable=SC2046
	boot "$1" "script=\"$2\"" -object "memory-backend-ram,id=ram,size=${MEM}M,reserve=off" \
		-machine memory-backend=ram $(root_disk)
}
for MEM in 64 65536; do
	sized "memory-$MEM" "usertests; free"
	ended "$MEM MiB: ends well"
	reject "$MEM MiB: no check fails" "^not ok"
	check "$MEM MiB: all are there" test "$(grep -c '^ok' "$log")" -ge 40
done
expect "64 GiB: all of it is there, but for what describes it" "^FREE +167[0-9]{5}$"
for MEM in 64 65536; do
	CPUS=16 sized "memory-$MEM-16" "free"
	expect "$MEM MiB with 16 CPUs" "smp: 16 CPUs" "^FREE"
done
finish
