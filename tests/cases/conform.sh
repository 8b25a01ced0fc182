# shellcheck shell=sh
# The IOMMU contract, clause by clause and by random operations, for the drivers of this machine's
# IOMMU and then of a guest on it (tests/kernel/conform*.c, in the test build). What a guest's run
# has left mapped, by its own model, must be what the host has: address, page, permission, pins.
#
# OPS=n: how many random operations. SEEDS="n ...": a run with each. IOMMUS="vtd amdvi": on which.
. tests/lib.sh
OPS=${OPS:-1000}
SEEDS=${SEEDS:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
quota=3000
log=$OUT/conform-build.log
make -s DEBUG=1 B="$OUT/conform" all >"$log" 2>&1
check "it builds" test -s "$OUT/conform/fs.img"
export B="$OUT/conform"

# Each line of the kernel's KTAP is a check of ours; why it failed stands before it. On the console
# lines of others may come between.
checks_of() { # checks_of WHERE PREFIX
	sed -nE "s/^$2(((not )?ok [0-9]+ - |# ).*)/\1/p" "$log" >"$log.ktap"
	why='' count=0
	while read -r result; do
		case $result in
		ok*) ok "$1${result#*- }" ;;
		not*) not_ok "$1${result#*- }" "$why" ;;
		*)
			why=$result
			continue
			;;
		esac
		count=$((count + 1))
	done <"$log.ktap"
	check "${1}all of $count are there" grep -qE "^${2}1\.\.$count\$" "$log"
}

# The lines of what the host says is mapped.
maps() {
	awk '/^== maps/ { on = 1 } /^== denied/ { on = 0 } on && $1 == "00:05.0" && NF == 6' "$log"
}

run() { # run SEED
	silent=0 # QEMU's AMD-Vi (7.2) logs no faults
	[ "$IOMMU" = vtd ] || silent=1
	options="selftest=conform seed=$1 ops=$OPS silent=$silent"
	echo "# $IOMMU: seed $1, $OPS operations"
	# shellcheck disable=SC2046
	boot "conform-$IOMMU-$1" "$options script=\"cat /proc/mem; \
vmctl create g -a '$options quota=$quota' -s 'exit 0' && vmctl assign g 00:05.0 -q $quota && vmctl start g && \
vmctl wait g 'conform: deny me' && vmctl deny g 00:05.0 && \
vmctl wait g 'conform: permit me' && vmctl permit g 00:05.0 && \
vmctl wait g 'conform: reassign me' && vmctl release g 00:05.0 && vmctl assign g 00:05.0 -q $quota; vmctl wait g; \
echo == maps; vmctl maps g; echo == denied; vmctl deny g 00:05.0; vmctl maps g; vmctl stats g; \
vmctl destroy g; sleep 1; cat /proc/mem\"" \
		$(root_disk) -device edu,addr=5,dma_mask=0xffffffff
	checks_of '' ''
	checks_of "$IOMMU, " 'g\| '
	ended "$IOMMU: the machine ends well"
	sed -n 's/^g| model //p' "$log" | sort >"$log.model"
	maps | awk '{ print $2, $3, $5 }' | sort >"$log.host"
	check "$IOMMU: something is left mapped in the guest" test -s "$log.model"
	check "$IOMMU: the host has mapped what the guest's model says" cmp -s "$log.model" "$log.host"
	maps | awk '{ n[$3]++; pins[$3] = $6 } END { for (gpa in n) if (n[gpa] != pins[gpa]) print gpa }' >"$log.pins"
	check "$IOMMU: each page has a pin for each of its mappings" test ! -s "$log.pins"
	expect "$IOMMU: denied, nothing is mapped or pinned" "^== denied" "^DEVICE +IOVA" "^EXIT" "^00:05.0 .* 0$"
	check "$IOMMU: no table, page for DMA or frame of a VM is lost" awk '
		/^(TABLE|DMA|VM) +[0-9]+$/ { if ($1 in was) { n++; bad += was[$1] != $2 } else was[$1] = $2 }
		END { exit n != 3 || bad }' "$log"
}

for IOMMU in ${IOMMUS:-vtd amdvi}; do
	for seed in $SEEDS; do
		run "$seed"
	done
done
finish
