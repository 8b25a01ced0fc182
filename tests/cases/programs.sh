# shellcheck shell=sh
# The everyday programs: their flags, and what they say when something is wrong.
. tests/lib.sh
# shellcheck disable=SC2046
boot programs 'script="sh /tests/programs.sh"' $(root_disk)
expect "ls -a -d -R -l" "^== ls" "^d$" "^f$" "^\.$" "^\.\.$" "^\.h$" "^/p$" "^/p:$" "^/p/d:$" "^g$" "^- +1 +14 /p/f"
expect "cat -n" "^== cat" "^ +1  one$" "^ +3  three$" "^ +4  two$"
expect "grep -n -i -c -v -r" "^== grep" "^3:three" "^1$" "^one$" "^Two$" "^/p/d/g:1:two" "^/p/f:2:Two"
expect "wc -l -w -c" "^== wc" "^3 /p/f" "^3 /p/f" "^14 /p/f"
expect "one line says what was wrong, and the status that it was" "^== wrong" \
	"^ls: /none: no such file" "^status 1" "^cat: /none: no such" "^two" "^status 1" "^cat: /p: is a dir" "^status 1" \
	"^grep: /none: no such" "^status 2" "^usage: grep" "^status 2" "^wc: -x: no such option" "^status 2" \
	"^usage: kill" "^status 2" "^rm: /p: is a directory" "^status 1" "^mkdir: /p: exists" "^status 1" \
	"^ln: /none: no such" "^status 1" "^usage: sleep" "^status 2" "^usage: dd" "^status 2" \
	"^sh: nosuch: no such program" "^status 127"
expect "rm -r takes all" "^status 127" "^0$"
finish
