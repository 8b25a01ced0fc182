#!/bin/sh
# Prints labs/INSTRUCTOR.md with its table of errors made anew, from the first lines of the wrong solutions.
cd "$(dirname "$0")/.." || exit 2
exec awk '
FNR == 1 { split(FILENAME, part, "/"); file = part[4]; sub(/\..*/, "", file); what = score = "" }
FILENAME ~ /wrong/ {
	if (/^# Score: /) score = $3
	else if (/^# Says: /) {
		says = substr($0, 9)
		gsub(/\|/, "\\|", says)
		if (part[2] != lab) rows = rows "| **" (lab = part[2]) "** | | | |\n"
		rows = rows "| " file " | " what " | " score " | `" says "` |\n"
		nextfile
	} else if (/^# / && what == "" && !/shellcheck/) what = substr($0, 3)
	next
}
/^<!-- errors end/ { skip = 0 }
!skip
/^<!-- errors: / { printf "| solution | mistake | score | the grader says |\n|---|---|--:|---|\n%s", rows; skip = 1 }
' labs/*/wrong/* labs/INSTRUCTOR.md
