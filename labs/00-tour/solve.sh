#!/bin/sh
# What a student does in lab 0, for lab-check: in the root of a hand-out.
set -eu
printf '#include "user/user.h"\n\nconst char usage_text[] = "hello";\n\nint\nmain(int argc, char **argv)\n{\n\tprintf("hello, %s\\n");\n\treturn 0;\n}\n' "$(cat labs/seed)" >user/hello.c
grep -q '^UPROG := .* hello' Makefile || sed -i 's/^UPROG := .*/& hello/' Makefile
make -s B=build all
TRUTH=labs/00-tour/answers.txt OUT=build/grade sh labs/00-tour/tests.sh >/dev/null || :
