# From the sites, QEMU's trace and dmatrace's text to one JSON object: see tracepage.sh.
function quote(s) {
	gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/\t/, "\\t", s); gsub(/</, "\\u003c", s)
	return "\"" s "\""
}
function field(i, key,    m) {
	return match(rest[i], "(^| )" key "=[^ ]*") ? substr(rest[i], RSTART + length(key) + 1 + (substr(rest[i], RSTART, 1) == " "), RLENGTH - length(key) - 1 - (substr(rest[i], RSTART, 1) == " ")) : ""
}
# Whether event i is of this VM, its device or its domain.
function ours(i) {
	if (who[i] == vm)
		return event[i] !~ /^irq/ || field(i, "name") ~ /^(nvme|)$/
	return field(i, "vm") == vm || (field(i, "domain") == domain && domain != "") ||
		(event[i] ~ /^irq/ && field(i, "irq") in irqs)
}
FILENAME == ARGV[1] {
	if (!/^\t/) {
		split($0, w, "\t"); site = w[1]; file[site] = w[2]; line[site] = w[3]; first[site] = w[4]; code[site] = ""
		order[++nsites] = site
	} else
		code[site] = code[site] (code[site] == "" ? "" : ",") quote(substr($0, 2))
	next
}
FILENAME == ARGV[2] { # vtd_dmar_translate dev 00:04.00 iova 0x1000 -> gpa 0x2000 mask 0xfff, or AMD's
	if (/translate dev/) { split($3, d, "[:.]"); seen[d[1] ":" d[2] "." (d[3] + 0), $5] = $0 }
	if (/^amdvi_translation_result/) { sub(/,$/, "", $3); seen[$3, $5] = $0 }
	next
}
/^#/ || NF < 4 { next }
{
	n++
	sub(/^ +/, "")
	at = index($0, ": ")
	who[n] = $1; sub(/-[0-9]+$/, "", who[n]); pid[n] = $1; sub(/.*-/, "", pid[n])
	cpu[n] = $2; gsub(/[\[\]]/, "", cpu[n]); time[n] = $3; sub(/:$/, "", time[n])
	event[n] = $4; sub(/:$/, "", event[n])
	rest[n] = $0; sub(/^[^:]*: [a-z_]+: ?/, "", rest[n])
	if (event[n] == "attach_device_to_domain" && who[n] == "host") device_domain[field(n, "device")] = field(n, "domain")
	if (who[n] == "host") next
	# Follows the guest's I/Os: shown is one that an interrupt ends, of these one of the
	# fewest steps, of these the last. A fast disk is done before its driver sleeps.
	k = who[n] " " pid[n]
	if (event[n] == "dma_map_sg") { begin[k] = field(n, "dir") == 2 && field(n, "len") == 4096 ? n : 0; stage[k] = 1 }
	else if (event[n] == "dma_map_done" && stage[k] == 1) { iova[k] = field(n, "iova"); stage[k] = 2 }
	else if (event[n] == "nvme_setup_cmd" && stage[k] == 2 && field(n, "prp1") == iova[k]) stage[k] = 3
	else if (event[n] == "dma_unmap_sg" && stage[k] == 3 && field(n, "iova") == iova[k]) stage[k] = 4
	else if (event[n] == "dma_unmap_done" && stage[k] == 4) {
		stage[k] = 0
		if (begin[k]) { ni++; from[ni] = begin[k]; to[ni] = n; its_vm[ni] = who[n]; its_device[ni] = field(n, "device"); its_iova[ni] = iova[k] }
	}
}
END {
	for (i = 1; i <= ni; i++) {
		vm = its_vm[i]; domain = device_domain[its_device[i]]; steps = 1000; asleep = 0
		delete irqs
		for (k = 1; k <= n; k++) if (who[k] == "host" && event[k] == "irq_handler_entry" && field(k, "name") == vm) irqs[field(k, "irq")] = 1
		for (k = from[i]; k <= to[i]; k++) {
			steps += ours(k)
			if (who[k] == vm && event[k] == "irq_handler_entry" && ours(k)) asleep = 1
			if (who[k] == vm && event[k] == "nvme_complete_rq") { steps -= asleep * 1000; asleep = 0 }
		}
		if (!best || steps <= fewest) { best = i; fewest = steps }
	}
	if (!best) exit 1
	vm = its_vm[best]; domain = device_domain[its_device[best]]
	printf "{\"vm\": %s, \"device\": %s, \"domain\": %s, \"iova\": %s,\n", quote(vm), quote(its_device[best]), quote(domain), quote(its_iova[best])
	for (k = 1; k < from[best]; k++) {
		if (who[k] != "host" || field(k, "domain") != domain) continue
		if (event[k] == "map") live[field(k, "iova")] = quote(rest[k])
		if (event[k] == "unmap") delete live[field(k, "iova")]
	}
	printf "\"before\": ["
	comma = ""
	for (a in live) { printf "%s%s", comma, live[a]; comma = ", " }
	printf "],\n\"seen\": %s,\n\"steps\": [\n", quote(seen[its_device[best], its_iova[best]])
	comma = ""
	for (k = from[best]; k <= to[best]; k++) {
		if (!ours(k)) continue
		printf "%s{\"who\": %s, \"pid\": %s, \"cpu\": %d, \"ns\": %d, \"event\": %s, \"fields\": %s}", comma, quote(who[k]), pid[k], cpu[k], (time[k] - time[from[best]]) * 1e9 + 0.5, quote(event[k]), quote(rest[k])
		comma = ",\n"
	}
	printf "\n],\n\"sites\": {\n"
	for (i = 1; i <= nsites; i++) { s = order[i]
		printf "%s: {\"file\": %s, \"line\": %d, \"first\": %d, \"code\": [%s]}%s\n", quote(s), quote(file[s]), line[s], first[s], code[s], i < nsites ? "," : "" }
	print "}}"
}
