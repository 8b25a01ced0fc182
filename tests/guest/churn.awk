# Prints a script for our shell, which has no loops: N times (-v n=N -v seed=S) a VM that is made,
# runs, and is killed at any moment of its life, in its boot or while its devices work.
function chance(p) { return rand() < p }
BEGIN {
	srand(seed)
	for (i = 0; i < n; i++) {
		cpus = chance(.3) ? 2 + int(rand() * 3) : 1
		print "vmctl create v -m " 16 * (2 + int(rand() * 3)) " -c " cpus " -s \"sha256sum /dev/nvme0; edu test; sleep 60\""
		if (chance(.7)) print "vmctl assign v 00:04.0"
		if (edu = chance(.5)) print "vmctl assign v 00:05.0" (chance(.2) ? " -p deny" : "")
		if (chance(.3)) print "vmctl move v --every 1ms"
		if (chance(.95)) print "vmctl start v"
		if (chance(.2)) print "vmctl wait v nvme0"
		else printf "sleep 0.%02d\n", rand() * 60
		if (edu && chance(.3)) print "vmctl " (chance(.5) ? "deny" : "release") " v 00:05.0"
		if (chance(.5)) print "vmctl kill v"
		print "vmctl destroy v"
	}
	print "echo " n " rounds are over"
}
