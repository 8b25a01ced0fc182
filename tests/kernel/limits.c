/*
 * selftest=limits: what a device cannot take, on /dev/edu0's device (no DMA is done). Under every
 * strategy, buffers of random place and length against random limits: the segments keep the
 * limits, name the buffer's bytes in order (where they are not bounced), and what was bounced to or
 * from the device arrives.
 */
#include "hal/strategy.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"

static u64 state = 0x2545f4914f6cdd1d;

static u64
below(u64 n)
{
	state ^= state << 13, state ^= state >> 7, state ^= state << 17;
	return state % n;
}

/* What is wrong with a mapped buffer; NULL. */
static const char *
wrong(const struct dma_map *m, size_t len)
{
	const struct dma_limits *l = &m->limits;
	size_t sum = 0;

	if (m->nseg > l->max_segs)
		return "too many segments";
	for (unsigned i = 0; i < m->nseg; i++) {
		u64 at = m->seg[i].iova.v, n = m->seg[i].len;

		sum += n;
		if (l->seg_max && n > l->seg_max)
			return "a segment is too long";
		if (l->boundary && (at ^ (at + n - 1)) & ~(l->boundary - 1))
			return "a segment crosses a boundary";
		if (!i && l->align && at & (l->align - 1))
			return "the buffer is not aligned";
		if (at + n - 1 > m->dev->dma_mask)
			return "a segment is out of the device's reach";
	}
	return sum == len ? NULL : "bytes are missing";
}

/* Maps a buffer under random limits; what is wrong, or NULL. *bounced counts. */
static const char *
try_one(struct device *dev, u8 *page, unsigned *bounced)
{
	struct dma_limits l = {.max_segs = 1 + below(8),
		.seg_max = below(2) ? 512UL << below(5) : 0,
		.boundary = below(2) ? PAGE_SIZE << below(3) : 0,
		.align = below(2) ? 4UL << below(8) : 0};
	size_t at = below(3 * PAGE_SIZE), len = 1 + below(5 * PAGE_SIZE);
	const char *why = NULL;
	struct dma_map m;

	if (dma_map_create(dev, &l, 5 * PAGE_SIZE, &m))
		return "no map";
	memset(page + at, 0x5a, len);
	int err = dma_map(&m, page + at, len, DMA_BIDIRECTIONAL);
	if (!err && !(err = dma_commit(&m))) {
		why = wrong(&m, len);
		*bounced += m.bounced;
		dma_unmap(&m);
		for (size_t i = 0; i < len && !why; i++)
			if (page[at + i] != 0x5a)
				why = "the bounce buffer has changed the data";
	} else if (err != -EINVAL || (l.seg_max ? DIV_UP(len, l.seg_max) + 1 : 2) <= l.max_segs) {
		/* Only where even one block would have to be cut into too many. */
		if (!l.boundary || DIV_UP(len, MIN(l.boundary, l.seg_max ? l.seg_max : -1UL)) + 2 <=
					   l.max_segs)
			why = "refused without need";
	}
	dma_map_destroy(&m);
	return why;
}

/* 500 buffers with the strategy in force, in pages that stay mapped by another buffer. */
static void
try_all(struct device *dev, u8 *pages, const char *why)
{
	static const struct dma_limits none;
	unsigned bounced = 0, n = 0;
	struct dma_map other;
	u64 mapped = 0;

	if (dma_map_create(dev, &none, 8 * PAGE_SIZE, &other) ||
		dma_map(&other, pages, 8 * PAGE_SIZE, DMA_BIDIRECTIONAL) || dma_commit(&other))
		why = "the other buffer is not mapped";
	if (dev->domain)
		mapped = dev->domain->pages;
	for (; n < 500 && !why; n++)
		why = try_one(dev, pages, &bounced);
	if (!why && dev->domain && dev->domain->pages < mapped)
		why = "pages of the other buffer have gone";
	dma_unmap(&other);
	dma_map_destroy(&other);
	pr_info("limits: %s: %u buffers, %s bounced: %s", dev->strategy->name, n,
		bounced ? "some" : "none", why ? why : "good");
}

static void
limits(void)
{
	static const char *const names[] = {
#define X(name) #name,
		DMA_STRATEGIES(X)
#undef X
	};
	struct device *dev;
	u8 *pages = phys_to_virt(frame_alloc(3, FRAME_KERNEL));
	char test[16];

	if (!boot_option("selftest", test, sizeof(test)) || strcmp(test, "limits") != 0 ||
		!(dev = dma_device_get("00:05.0")))
		return;
	try_all(dev, pages, NULL); /* that of the boot: identity is taken up then, or never */
	for (unsigned s = 0; s < NELEM(names); s++)
		try_all(dev, pages,
			dma_set_strategy(dev, dma_strategy_named(names[s])) ? "not taken up"
									    : NULL);
	dma_set_strategy(dev, &dma_strict);
}
INITCALL(INIT_VMM, limits);
