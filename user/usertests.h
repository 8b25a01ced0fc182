/* The tests of usertests: what each file of them has, and what they share. */
#pragma once

#include "user/user.h"

/* X(name, slow): the function is test_NAME. In usertests_lib.c, _fs.c, _proc.c and _io.c. */
#define TESTS(X)           \
	X(printf, 0)       \
	X(strings, 0)      \
	X(malloc, 0)       \
	X(help, 0)         \
	X(write, 0)        \
	X(hole, 0)         \
	X(names, 0)        \
	X(orphan, 0)       \
	X(dots, 0)         \
	X(longname, 0)     \
	X(paths, 0)        \
	X(readdir, 0)      \
	X(dirgrow, 0)      \
	X(shared, 0)       \
	X(together, 0)     \
	X(createunlink, 0) \
	X(linkunlink, 0)   \
	X(openunlink, 0)   \
	X(full, 0)         \
	X(pointers, 0)     \
	X(callargs, 0)     \
	X(descriptors, 0)  \
	X(open, 0)         \
	X(console, 0)      \
	X(sbrk, 0)         \
	X(shrink, 0)       \
	X(lazy, 0)         \
	X(cow, 0)          \
	X(faults, 0)       \
	X(fork, 0)         \
	X(wait, 0)         \
	X(exec, 0)         \
	X(execargs, 0)     \
	X(pipe, 0)         \
	X(pipes, 0)        \
	X(aio, 0)          \
	X(aioerrors, 0)    \
	X(aioend, 0)       \
	X(aiofork, 0)      \
	X(kill, 0)         \
	X(preempt, 0)      \
	X(bigfile, 1)      \
	X(forkstorm, 1)    \
	X(pipestorm, 1)    \
	X(memory, 1)       \
	X(crowd, 1)

#define X(name, slow) void test_##name(void);
TESTS(X)
#undef X

/* One line of KTAP. */
void check(bool good, const char *name);
/* Runs fn in a child; its exit status, or -1. */
int in_child(void (*fn)(void));
/* Writes n bytes of a pattern to a new file; 0 or an error. */
int make_file(const char *path, long n, int seed);
/* Whether a file holds just that. */
bool holds(const char *path, long n, int seed);
/* Has the disks take what they keep for asynchronous I/O. */
void warm_disks(void);
/* Forks n children that run fn(i); how many of them ended with status 0. */
int all_good(int n, int (*fn)(int i));
