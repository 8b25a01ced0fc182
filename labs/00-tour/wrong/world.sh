# shellcheck shell=sh
# The program greets the world.
# Score: 40/50
# Says: the program hello should print 'hello, 
sed -i 's/hello, [^\\]*/hello, world/' user/hello.c
