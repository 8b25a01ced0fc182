# Makes hand-outs of the one source: awk -v lab=N -f labs/strip.awk FILE >FILE.new
# Passages of labs >= N are cut, of labs below N kept; all marks go. The marks, in comments:
#
#	/* LAB 4: what to do. */		# LAB 4: what to do.
#	...solution...				...solution...
#	/* LAB 4 ELSE				# LAB 4 ELSE
#	what the hand-out has			# what the hand-out has
#	LAB 4 END */				# LAB 4 END
#
# A cut passage leaves its first comment, a line YOUR CODE HERE, and what is between ELSE and END.
# A mark out of place is one line on stderr, and status 1.

function bad(what) {
	print FILENAME ":" FNR ": " what >"/dev/stderr"
	failed = 1
	exit 1
}

# The number in a mark that begins the line.
function number(line) {
	match(line, /LAB [0-9]+/)
	return substr(line, RSTART + 4, RLENGTH - 4) + 0
}

# Where the line's own indentation ends.
function indent(line) {
	match(line, /^[ \t]*/)
	return substr(line, 1, RLENGTH)
}

function your_code() {
	print gap (hash ? "# YOUR CODE HERE (lab " n ")" : "/* YOUR CODE HERE (lab " n ") */")
}

BEGIN { OUT = 0; TEXT = 1; INSIDE = 2; ELSE = 3 }

/^[ \t]*(\/\*|#) LAB [0-9]+:/ {
	if (state != OUT)
		bad("LAB " number($0) " begins inside LAB " n)
	n = number($0)
	start = FNR
	gap = indent($0)
	hash = $1 == "#"
	cut = n >= lab
	state = hash || /\*\/[ \t]*$/ ? INSIDE : TEXT
	if (cut)
		print
	if (cut && state == INSIDE && !hash)
		your_code()
	next
}

/^[ \t]*(\/\*|#) LAB [0-9]+ ELSE[ \t]*$/ {
	if (state != INSIDE || number($0) != n)
		bad("LAB " number($0) " ELSE without its LAB " number($0) ":")
	state = ELSE
	if (cut && hash)
		your_code()
	next
}

/^[ \t]*(# )?LAB [0-9]+ END( \*\/)?[ \t]*$/ {
	if (state != ELSE || number($0) != n)
		bad("LAB " number($0) " END without its LAB " number($0) " ELSE")
	state = OUT
	next
}

/(\/\*|#) *LAB [0-9]|LAB [0-9]+ (ELSE|END)/ { bad("not a mark, but nearly: " $0) }

state == TEXT {
	if (/\*\/[ \t]*$/)
		state = INSIDE
	if (cut)
		print
	if (cut && state == INSIDE)
		your_code()
	next
}

state == INSIDE {
	# More lines of a # comment right behind the mark belong to the text.
	if (cut && hash && FNR == start + 1 && /^[ \t]*# /) {
		start++
		print
	} else if (!cut && !(hash && FNR == start + 1 && /^[ \t]*# /))
		print
	else if (!cut)
		start++
	next
}

state == ELSE {
	if (cut) {
		if (hash)
			sub(/# ?/, "")
		print
	}
	next
}

{ print }

END {
	if (!failed && state != OUT) {
		print FILENAME ":" start ": LAB " n " has no " (state == ELSE ? "END" : "ELSE") >"/dev/stderr"
		exit 1
	}
	exit failed
}
