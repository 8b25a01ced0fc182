# Reads dmatrace's JSON, an entry a line, and says what is wrong with it against the format: time goes
# on in each track, slices nest, arrows pair up and touch slices, counters are not negative. At the end
# counts, as "NAME N".
function num(key) { return match($0, "\"" key "\":-?[0-9.]+") ? substr($0, RSTART + length(key) + 3, RLENGTH - length(key) - 3) + 0 : "" }
function str(key) { return match($0, "\"" key "\":\"[^\"]*\"") ? substr($0, RSTART + length(key) + 4, RLENGTH - length(key) - 5) : "" }
function wrong(why) { print "wrong: line " NR ": " why; bad++ }
!/^{"ph"/ { next }
{
	ph = str("ph"); t = num("pid") "." num("tid"); ts = num("ts")
	n[ph]++
	if (ph == "M") {
		name = $0; sub(/.*"args":{"name":"/, "", name); sub(/".*/, "", name)
		if (str("name") == "process_name") process[num("pid")] = name; else { track[t] = name; of[t] = process[num("pid")]; kinds[process[num("pid")]]++ }
		next
	}
	if (!(t in track)) wrong("an entry of track " t ", which has no name")
	if (ts < last[t]) wrong("track " t " goes back in time")
	last[t] = ts
	if (ph == "B") depth[t]++
	else if (ph == "E") { if (--depth[t] < 0) wrong("an end without a begin on " track[t]) }
	else if (ph == "C") { match($0, /"pages":-?[0-9]+/); v = substr($0, RSTART + 8, RLENGTH - 8) + 0; if (v < 0 || v > 1000000) wrong("counter " str("name") " is " v) }
	else if (ph == "s" || ph == "t" || ph == "f") {
		id = num("id")
		if (!depth[t]) wrong("arrow " id " touches no slice on " track[t])
		if (ph == "s" && id in state) wrong("arrow " id " begins twice")
		if (ph != "s" && state[id] != "open") wrong("arrow " id " goes on before it has begun, or after its end")
		state[id] = ph == "f" ? "closed" : "open"
		way[id] = way[id] (way[id] == "" ? "" : " > ") of[t]
	} else if (ph != "i") wrong("kind " ph)
}
END {
	for (t in depth) if (depth[t]) { print "wrong: " depth[t] " slices never end on " track[t]; bad++ }
	for (id in state) { if (state[id] != "closed") { print "wrong: arrow " id " never ends"; bad++ } ways[way[id]]++ }
	for (p in process) print "process " process[p], kinds[process[p]]
	for (w in ways) print "way " w ": " ways[w]
	print "slices " n["B"]; print "ends " n["E"]; print "arrows " n["s"]; print "counters " n["C"]
	print "wrong " bad + 0
}
