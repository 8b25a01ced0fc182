# Reads dmatrace's lines, and holds what the host did for a VM against the contract: a frame is pinned
# before a table has it; an entry is removed, then the IOTLB forgets it, then the pin goes. So at no
# moment has a frame fewer pins than there are entries, in a table or perhaps in an IOTLB, that lead to it.
function field(key) { return match($0, " " key "=[^ ]*") ? substr($0, RSTART + length(key) + 2, RLENGTH - length(key) - 2) : "" }
function number(s,    i, v) { for (i = 3; i <= length(s); i++) v = v * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return v + 0 }
function wrong(why) { print "wrong: " $0 ": " why; bad++ }
/^ *host-/ {
	who = $1; domain = field("domain")
	if ($4 == "page_pin:") { pins[field("hpa")] = field("pins"); fresh[who] = fresh[who] " " field("hpa") }
	if ($4 == "kvm_hypercall:") fresh[who] = ""
	if ($4 == "map:" && fresh[who] != "") { # of a VM: the pages that this thread has just pinned
		k = split(fresh[who], frame, " ")
		if (k != field("pages") + 0) wrong(k " pages were pinned for it")
		for (i = 1; i <= k; i++) {
			at = domain " " (number(field("iova")) + (i - 1) * 4096)
			if (at in leads) wrong("mapped over another")
			leads[at] = frame[i]; entries[frame[i]]++; maps++
		}
		fresh[who] = ""
	}
	if ($4 == "unmap:")
		for (i = 0; i < field("pages") + 0; i++) {
			at = domain " " (number(field("iova")) + i * 4096)
			if (at in leads) { stale[at] = leads[at]; since[at] = ++clock; delete leads[at]; unmaps++ }
		}
	if ($4 == "iommu_sync:") { began[domain] = ++clock; low[domain] = number(field("iova")); high[domain] = low[domain] + 4096 * 2 ^ field("order") }
	if ($4 == "iommu_sync_done:") {
		syncs++
		for (at in stale) {
			split(at, w, " ")
			if (w[1] == domain && since[at] < began[domain] && w[2] >= low[domain] && w[2] < high[domain]) { entries[stale[at]]--; delete stale[at] }
		}
	}
	if ($4 == "page_unpin:") {
		hpa = field("hpa"); unpins++
		if (field("pins") + 0 < entries[hpa] + 0) wrong("unpinned while " entries[hpa] " entries lead there, in a table or an IOTLB")
	}
}
END { print "maps " maps + 0; print "unmaps " unmaps + 0; print "syncs " syncs + 0; print "unpins " unpins + 0; print "wrong " bad + 0 }
