/*
 * What the tests on the build machine share: TAP output, checks, random numbers, and what the
 * kernel's own files need around them. Include this before any header of the C library, whose
 * names (struct stat, SEEK_SET) the kernel's headers define too.
 */
#pragma once

#include "lib/abi.h"
#include "kernel/cpu.h"
#include "kernel/lib.h"

/* Ends the test before, if any, and begins one. Its line is printed when it ends. */
void test(const char *name, ...) PRINTF(1, 2);
/* Ends the last test and prints the plan; what main() returns. */
int test_done(void);
/* Whether the running test has failed: a long one may stop then. */
bool test_failed(void);

/* Fails the running test, with file and line, unless e; gives e, for what depends on it. */
#define CHECK(e) check(e, __FILE__, __LINE__, #e)
bool check(bool ok, const char *file, int line, const char *text);

/* Pseudo-random numbers, the same in every run, or from SEED= in the environment. */
u64 rnd(void);
static inline u64
rnd_below(u64 n)
{
	return rnd() % n;
}

/* Allocations still to succeed, pages and heap blocks together; -1: all. */
extern long allocs_left;
/* What is allocated now, and an allocation count that only rises. */
extern unsigned live_pages, live_blocks, allocs;

/* A copy of n bytes that is freed with all others: reading behind it is an error ASan sees. */
void *exact(const void *p, size_t n);
void exact_free(void);

/* Where irq_push_off() says that we are. */
extern struct cpu test_cpu;
