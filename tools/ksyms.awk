# Makes the symbol table that a panic prints names from, out of `nm -n` of the linked image.
BEGIN {
	print ".section .ksyms, \"a\"\n.balign 8\n.global ksyms, nksyms\nksyms:"
}
$2 ~ /^[tT]$/ && $1 ~ /^ffffffff8/ && $3 !~ /^\./ {
	printf "\t.quad 0x%s, name%d\n", $1, n
	name[n++] = $3
}
END {
	printf "nksyms: .quad %d\n", n
	for (i = 0; i < n; i++)
		printf "name%d: .asciz \"%s\"\n", i, name[i]
	print ".section .note.GNU-stack, \"\", @progbits"
}
