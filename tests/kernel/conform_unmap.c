/*
 * The examples of virtio-iommu's UNMAP request (Virtual I/O Device 1.2, 5.13.6.6), by their
 * numbers, as calls of ours. There addresses are first and last, in units of a granule; here first
 * and count, in pages.
 *
 * The contracts differ in (1), (6) and (7): an unmap of what is not mapped succeeds there and is
 * -ENOENT here, so that a driver which has lost count learns of it. What is removed is the same but
 * for (7): there both, here both on hardware, but in a guest only what lies before the hole, for
 * the VMM stops where the caller's view has turned out wrong. (4) is refused there and in a guest:
 * a grant is whole, half of one has no name. Hardware has no grants, and removes the pages.
 */
#include "tests/kernel/conform.h"

#define BASE 0x1000000UL

static int
map(struct conform *c, unsigned first, unsigned last)
{
	return iommu_map(c->d, (iova_t){BASE + first * PAGE_SIZE}, conform_pa(c, first),
		last - first + 1, IOMMU_READ | IOMMU_WRITE);
}

static int
unmap(struct conform *c, unsigned first, unsigned last)
{
	return iommu_unmap(c->d, (iova_t){BASE + first * PAGE_SIZE}, last - first + 1, true);
}

/* Whether of the pages first to last all are mapped, or none: a page alone can be mapped. */
static bool
all(struct conform *c, unsigned first, unsigned last, bool mapped)
{
	bool good = true;

	for (unsigned i = first; i <= last; i++) {
		int err = map(c, i, i);
		good &= err == (mapped ? -EEXIST : 0);
		if (!err)
			good &= unmap(c, i, i) == 0;
	}
	return good;
}

static void
example_1(struct conform *c)
{
	IS(c, unmap(c, 0, 4), -ENOENT);
	CLAIM(c, all(c, 0, 9, false));
}

static void
example_2(struct conform *c)
{
	IS(c, map(c, 0, 9), 0);
	IS(c, unmap(c, 0, 9), 0);
	CLAIM(c, all(c, 0, 9, false));
}

static void
example_3(struct conform *c)
{
	IS(c, map(c, 0, 4), 0);
	IS(c, map(c, 5, 9), 0);
	IS(c, unmap(c, 0, 9), 0);
	CLAIM(c, all(c, 0, 9, false));
}

static void
example_4(struct conform *c)
{
	IS(c, map(c, 0, 9), 0);
	IS(c, unmap(c, 0, 4), c->pv ? -EINVAL : 0);
	CLAIM(c, all(c, 0, 4, c->pv));
	CLAIM(c, all(c, 5, 9, true));
	/* Its end, and its middle, are as little as its beginning. */
	IS(c, unmap(c, 7, 9), c->pv ? -EINVAL : 0);
	IS(c, unmap(c, 6, 6), c->pv ? -EINVAL : 0);
	CLAIM(c, all(c, 6, 9, c->pv));
	CLAIM(c, all(c, 5, 5, true));
	/* Nor is it enough to begin with a whole one: that goes, and of this one nothing. */
	IS(c, map(c, 10, 14), 0);
	IS(c, unmap(c, 5, 5), c->pv ? -EINVAL : 0);
	IS(c, map(c, 20, 24), 0);
	IS(c, map(c, 25, 29), 0);
	IS(c, unmap(c, 20, 27), c->pv ? -EINVAL : 0);
	CLAIM(c, all(c, 20, 24, false));
	CLAIM(c, all(c, 25, 27, c->pv));
	CLAIM(c, all(c, 28, 29, true));
}

static void
example_5(struct conform *c)
{
	IS(c, map(c, 0, 4), 0);
	IS(c, map(c, 5, 9), 0);
	IS(c, unmap(c, 0, 4), 0);
	CLAIM(c, all(c, 0, 4, false));
	CLAIM(c, all(c, 5, 9, true));
}

static void
example_6(struct conform *c)
{
	IS(c, map(c, 0, 4), 0);
	IS(c, unmap(c, 0, 9), -ENOENT);
	CLAIM(c, all(c, 0, 9, false));
}

static void
example_7(struct conform *c)
{
	IS(c, map(c, 0, 4), 0);
	IS(c, map(c, 10, 14), 0);
	IS(c, unmap(c, 0, 14), -ENOENT);
	CLAIM(c, all(c, 0, 9, false));
	CLAIM(c, all(c, 10, 14, c->pv));
}

const struct clause conform_unmap[] = {
	{ALL, "unmap example (1): nothing is there", example_1},
	{ALL, "unmap example (2): one mapping", example_2},
	{ALL, "unmap example (3): two, side by side", example_3},
	{ALL, "unmap example (4): half of one", example_4},
	{ALL, "unmap example (5): one of two", example_5},
	{ALL, "unmap example (6): one and what is behind it", example_6},
	{ALL, "unmap example (7): two with a hole between", example_7},
	{0},
};
