/* hal/iova.c: windows in random order of birth and death. */
#include "tests/host/harness.h"
#include "hal/iova.h"

#define MSI_START   0xfee00000UL
#define MSI_END     0xfef00000UL
#define MAX_WINDOWS 512

static struct window {
	u64 start, end;
	u32 npages;
} windows[MAX_WINDOWS];
static unsigned nwindows;

static bool
take(struct iova_space *s, u32 npages)
{
	struct window *w = &windows[nwindows];
	iova_t at;
	u64 size = PAGE_SIZE;
	int err = iova_alloc(s, npages, &at);

	if (err) {
		CHECK(err == -ENOMEM);
		return false;
	}
	while (size < npages * PAGE_SIZE)
		size *= 2;
	*w = (struct window){at.v, at.v + size, npages};
	CHECK(w->start > 0 && w->start % size == 0);
	CHECK(w->end > w->start && w->end <= s->limit);
	CHECK(w->end <= MSI_START || w->start >= MSI_END);
	for (unsigned i = 0; i < nwindows; i++)
		CHECK(w->end <= windows[i].start || w->start >= windows[i].end);
	nwindows++;
	return true;
}

static void
give(struct iova_space *s, unsigned i)
{
	iova_release(s, (iova_t){windows[i].start}, windows[i].npages);
	windows[i] = windows[--nwindows];
}

static void
test_random(u64 limit, u32 max_pages)
{
	struct iova_space s;

	test("iova: random windows below 0x%lx, up to %u pages", limit, max_pages);
	nwindows = 0;
	iova_init(&s, limit);
	for (unsigned n = 0; n < 20000; n++) {
		u32 most = max_pages >> rnd_below(10);
		if (nwindows < MAX_WINDOWS && rnd_below(2))
			take(&s, 1 + rnd_below(MAX(most, 1)));
		else if (nwindows)
			give(&s, rnd_below(nwindows));
	}
	iova_fini(&s);
	CHECK(live_blocks == 0);
}

static void
test_reserve(void)
{
	struct iova_space s;

	test("iova: what is reserved is not given out, not even after a release");
	nwindows = 0;
	iova_init(&s, 0x10000000);
	CHECK(iova_reserve(&s, 0, 0x8000000) == 0);
	iova_release(&s, (iova_t){0x7000000}, 1);
	CHECK(take(&s, 1) && windows[0].start >= 0x8000000);
	CHECK(iova_reserve(&s, 0, 0x8000000) == 0);
	CHECK(iova_reserve(&s, 0, 0x9000000) == -EBUSY);
	iova_fini(&s);
}

static void
test_exhaustion(void)
{
	struct iova_space s;
	unsigned full;
	u64 start;

	test("iova: exhaustion is -ENOMEM, and a window given back is found again");
	nwindows = 0;
	iova_init(&s, 0x200000);
	while (take(&s, 3))
		;
	full = nwindows;
	CHECK(full == 64 && !take(&s, 3) && !take(&s, 4));
	for (unsigned n = 0; n < 100; n++) {
		unsigned i = rnd_below(nwindows);
		start = windows[i].start;
		give(&s, i);
		CHECK(take(&s, 4) && windows[nwindows - 1].start == start && !take(&s, 4));
	}
	while (nwindows)
		give(&s, 0);
	while (take(&s, 4))
		;
	CHECK(nwindows == full);
	iova_fini(&s);
	CHECK(live_blocks == 0);
}

static void
test_starved(void)
{
	struct iova_space s;

	test("iova: a release without memory loses a window, no more");
	nwindows = 0;
	iova_init(&s, 0x1c0000);
	CHECK(!take(&s, 129)); /* room for three windows of 64, which no CPU caches */
	CHECK(take(&s, 64) && take(&s, 64) && take(&s, 64) && !take(&s, 64));
	allocs_left = 0;
	give(&s, 0);
	CHECK(!take(&s, 64));
	allocs_left = -1;
	give(&s, 0);
	CHECK(take(&s, 64) && !take(&s, 64));
	iova_fini(&s);
	CHECK(live_blocks == 0);
}

/* Each CPU keeps a few windows for itself: so many, and no more, are out of the others' reach. */
static void
test_cpus(void)
{
	struct iova_space s;
	unsigned full, found = 0;

	test("iova: what one CPU has cached the others do without");
	nwindows = 0;
	iova_init(&s, 0x200000);
	while (take(&s, 1))
		;
	full = nwindows;
	CHECK(full == 256);
	for (test_cpu.id = 3; nwindows;)
		give(&s, rnd_below(nwindows));
	for (test_cpu.id = 1; take(&s, 1);)
		found++;
	CHECK(found == full - IOVA_CACHE);
	test_cpu.id = 3;
	while (take(&s, 1))
		found++;
	CHECK(found == full);
	test_cpu.id = 0;
	iova_fini(&s);
	CHECK(live_blocks == 0);
}

static void
test_sizes(void)
{
	struct iova_space s;

	test("iova: the largest window, and larger ones");
	nwindows = 0;
	iova_init(&s, 1UL << 48);
	CHECK(take(&s, 1) && take(&s, 1u << (IOVA_CLASSES - 1)) && take(&s, 1));
	CHECK(!take(&s, (1u << (IOVA_CLASSES - 1)) + 1));
	CHECK(!take(&s, 1u << 31));
	test("iova: windows of more than 2^31 pages");
	CHECK(!take(&s, (1u << 31) + 1) && !take(&s, UINT32_MAX));
	iova_fini(&s);
}

int
main(void)
{
	test_random(1UL << 48, 1u << (IOVA_CLASSES - 1));
	test_random(1UL << 39, 1u << 12);
	test_random(1UL << 32, 1u << 16);
	test_random(0x234000, 64);
	test_reserve();
	test_exhaustion();
	test_starved();
	test_cpus();
	test_sizes();
	return test_done();
}
