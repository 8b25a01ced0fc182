#include "tests/host/harness.h"
#include "hal/pt.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"
#include <sanitizer/asan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char name[120];
static unsigned ntests, failed_tests, failed_checks;
static u64 state;

static void
end_test(void)
{
	if (!name[0])
		return;
	printf("%sok %u - %s\n", failed_checks ? "not " : "", ++ntests, name);
	failed_tests += failed_checks != 0;
	failed_checks = 0;
	name[0] = 0;
}

void
test(const char *fmt, ...)
{
	va_list ap;

	end_test();
	setvbuf(stdout, NULL, _IOLBF, 0);
	va_start(ap, fmt);
	vsnprintf(name, sizeof(name), fmt, ap);
	va_end(ap);
	rnd();     /* says the seed before the first line */
	alarm(60); /* a test that hangs has failed */
}

int
test_done(void)
{
	end_test();
	printf("1..%u\n", ntests);
	return failed_tests != 0;
}

bool
test_failed(void)
{
	return failed_checks;
}

bool
check(bool ok, const char *file, int line, const char *text)
{
	if (!ok && failed_checks++ < 5)
		printf("# %s:%d: %s\n", file, line, text);
	return ok;
}

/* xorshift64* (Vigna 2016). */
u64
rnd(void)
{
	if (!state) {
		const char *seed = getenv("SEED");
		state = seed ? strtoull(seed, NULL, 0) : 0;
		state = state ? state : 0x4861c9a7UL;
		printf("# seed 0x%lx\n", (unsigned long)state);
	}
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dUL;
}

long allocs_left = -1;
unsigned live_pages, live_blocks, allocs;

static bool
may_alloc(void)
{
	if (allocs_left == 0)
		return false;
	allocs_left -= allocs_left > 0;
	allocs++;
	return true;
}

/*
 * Fake physical memory. The addresses have their topmost bits set, so that an address field cut
 * short shows, and each frame is an allocation of its own. Frames are reused as late as can be.
 */
#define FRAMES      8192
#define FRAMES_BASE 0x000ffffff0000000UL

static u8 frames[FRAMES][PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
static bool in_use[FRAMES];
const u64 pt_page_base = (u64)frames - FRAMES_BASE;

void *
pt_page_alloc(paddr_t *pa)
{
	static unsigned next;

	if (!may_alloc())
		return NULL;
	for (unsigned tries = FRAMES; tries--; next = (next + 1) % FRAMES) {
		if (in_use[next])
			continue;
		in_use[next] = true;
		ASAN_UNPOISON_MEMORY_REGION(frames[next], PAGE_SIZE);
		*pa = FRAMES_BASE + next * PAGE_SIZE;
		live_pages++;
		return memset(pt_page_virt(*pa), 0, PAGE_SIZE);
	}
	panic("all frames in use");
}

void
pt_page_free(void *page)
{
	u64 i = ((u64)page - (u64)frames) / PAGE_SIZE;

	if ((u64)page & PAGE_MASK || i >= FRAMES || !in_use[i])
		panic("a page freed twice, or never allocated");
	in_use[i] = false;
	live_pages--;
	ASAN_POISON_MEMORY_REGION(page, PAGE_SIZE); /* who looks at it now is told */
}

void *
kmalloc(size_t n)
{
	if (!may_alloc())
		return NULL;
	live_blocks++;
	return calloc(1, n);
}

void
kfree(void *p)
{
	live_blocks -= p != NULL;
	free(p);
}

struct exact {
	struct exact *next;
	void *p;
};
static struct exact *exacts;

void *
exact(const void *p, size_t n)
{
	struct exact *x = malloc(sizeof(*x));

	*x = (struct exact){exacts, malloc(n)};
	exacts = x;
	return n ? memcpy(x->p, p, n) : x->p;
}

void
exact_free(void)
{
	while (exacts) {
		struct exact *x = exacts;
		exacts = x->next;
		free(x->p);
		free(x);
	}
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("# panic: ");
	vprintf(fmt, ap);
	printf("\nBail out!\n");
	va_end(ap);
	fflush(stdout);
	abort();
}

__attribute__((weak)) void
klog(int level, const char *fmt, ...)
{
}

/* No firmware is in reach: acpi.c is here for its pure functions. */
bool
mem_is_ram(paddr_t pa)
{
	return false;
}

void *
map_firmware(paddr_t pa, size_t len)
{
	return NULL;
}

/* Locks: one thread, so a lock that is taken twice is a deadlock. */
void
spin_init(struct spinlock *l, const char *name)
{
	l->locked = 0;
}

void
spin_lock(struct spinlock *l)
{
	ASSERT(!l->locked);
	l->locked = 1;
}

void
spin_unlock(struct spinlock *l)
{
	ASSERT(l->locked);
	l->locked = 0;
}

struct cpu test_cpu;

struct cpu *
irq_push_off(void)
{
	return &test_cpu;
}

void
irq_pop(void)
{
}
