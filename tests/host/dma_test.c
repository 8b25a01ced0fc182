/* Pieces of memory as the device sees them (hal/dma.c): in place, and cut to its limits. */
#include "tests/host/harness.h"
#include "hal/strategy.h"
#include "kernel/kalloc.h"

#define IMAGE_PA 0x1000000UL /* where the kernel's image lies */

static struct device device;
static struct dma_seg seg[64];
static struct dma_map map;

/* What else dma.c would call is not here (host.mk): who calls it crashes. */
const struct dma_strategy dma_bounce, dma_identity;
bool trace_on[TRACE_NEVENTS];

paddr_t
virt_to_phys_image(const void *p)
{
	return (u64)p - KERNEL_BASE + IMAGE_PA;
}

/* An unused map of a device that reaches addresses up to mask. */
static void
fresh(u64 mask, struct dma_limits l)
{
	l.max_segs = l.max_segs ? l.max_segs : NELEM(seg);
	device.dma_mask = mask;
	memset(seg, 0xee, sizeof(seg));
	map = (struct dma_map){.dev = &device, .limits = l, .seg = seg};
	map.plain = !l.seg_max && !l.boundary && !l.align;
}

static int
in_place(u64 pa, size_t len, u64 base)
{
	return dma_map_in_place(&map, &(struct sg){phys_to_virt(pa), len}, 1, base);
}

static void
places(void)
{
	struct sg two[] = {{phys_to_virt(0x5000), 0x800}, {phys_to_virt(0x9ff0), 0x20}};

	test("dma: a piece has its physical address, and pages are counted");
	fresh(~0UL, (struct dma_limits){});
	CHECK(in_place(0x12345678, 4096, 0) == 0);
	CHECK(map.nseg == 1 && seg[0].iova.v == 0x12345678 && seg[0].len == 4096);
	CHECK(map.pages == 2);
	test("dma: two pieces have two segments, and one behind the other one");
	fresh(~0UL, (struct dma_limits){});
	CHECK(dma_map_in_place(&map, two, 2, 0) == 0);
	CHECK(map.nseg == 2 && seg[1].iova.v == 0x9ff0 && seg[1].len == 0x20 && map.pages == 3);
	two[1] = (struct sg){phys_to_virt(0x5800), 0x800};
	fresh(~0UL, (struct dma_limits){});
	CHECK(dma_map_in_place(&map, two, 2, 0) == 0);
	CHECK(map.nseg == 1 && seg[0].iova.v == 0x5000 && seg[0].len == 0x1000);
	test("dma: a pointer into the image is not one into the direct map");
	fresh(~0UL, (struct dma_limits){});
	CHECK(dma_map_in_place(&map, &(struct sg){(void *)(KERNEL_BASE + 0x2468), 8}, 1, 0) == 0);
	CHECK(seg[0].iova.v == IMAGE_PA + 0x2468);
	test("dma: `base` is added");
	fresh(~0UL, (struct dma_limits){});
	CHECK(in_place(0x7000, 16, DMA_STATIC_BASE) == 0);
	CHECK(seg[0].iova.v == DMA_STATIC_BASE + 0x7000);
	test("dma: nothing is no piece");
	fresh(~0UL, (struct dma_limits){});
	CHECK(in_place(0x7000, 0, 0) == -EINVAL);
	test("dma: a device of 28 bits reaches the last byte below 256 MiB, and none above");
	fresh(0xfffffff, (struct dma_limits){});
	CHECK(in_place(0xffff000, 4096, 0) == 0);
	fresh(0xfffffff, (struct dma_limits){});
	CHECK(in_place(0xffff001, 4096, 0) == -ERANGE);
	fresh(0xfffffff, (struct dma_limits){});
	CHECK(in_place(0x20000000, 16, 0) == -ERANGE);
	fresh(0xfffffff, (struct dma_limits){});
	CHECK(in_place(0x7000, 16, DMA_STATIC_BASE) == -ERANGE);
	fresh(~0UL, (struct dma_limits){});
	CHECK(in_place(0x20000000, 16, 0) == 0);
}

/* The bytes of [at, at+len), in order, in segments of which none is against the limits. */
static bool
covers(u64 at, size_t len)
{
	const struct dma_limits *l = &map.limits;

	for (unsigned i = 0; i < map.nseg; i++) {
		u64 first = seg[i].iova.v, n = seg[i].len;

		if (first != at || !n || n > len || (l->seg_max && n > l->seg_max) ||
			(l->boundary && first / l->boundary != (first + n - 1) / l->boundary))
			return false;
		at += n;
		len -= n;
	}
	return !len;
}

/* The number of segments that it takes, a byte at a time. */
static unsigned
needed(u64 at, size_t len)
{
	const struct dma_limits *l = &map.limits;
	unsigned n = 0;

	for (size_t have = 0; len--; at++, have++) {
		if (!have || (l->seg_max && have == l->seg_max) ||
			(l->boundary && at % l->boundary == 0))
			n++, have = 0;
	}
	return n;
}

static void
limits(void)
{
	test("dma: a segment is not longer than it may be");
	fresh(~0UL, (struct dma_limits){.seg_max = 1024});
	CHECK(dma_add_cut(&map, 0x1100, 2500) == 0 && map.nseg == 3 && covers(0x1100, 2500));
	test("dma: a segment does not cross a boundary, and may end at one");
	fresh(~0UL, (struct dma_limits){.boundary = 4096});
	CHECK(dma_add_cut(&map, 0x1f00, 0x1100) == 0 && map.nseg == 2 && covers(0x1f00, 0x1100));
	fresh(~0UL, (struct dma_limits){.boundary = 4096});
	CHECK(dma_add_cut(&map, 0x2000, 0x1000) == 0 && map.nseg == 1);
	test("dma: what is not aligned is refused");
	fresh(~0UL, (struct dma_limits){.align = 64});
	CHECK(dma_add_cut(&map, 0x1040, 100) == 0 && dma_add_cut(&map, 0x10a4, 4) == -EINVAL);
	test("dma: no more segments than there may be");
	fresh(~0UL, (struct dma_limits){.seg_max = 512, .max_segs = 4});
	CHECK(dma_add_cut(&map, 0, 2048) == 0 && map.nseg == 4);
	fresh(~0UL, (struct dma_limits){.seg_max = 512, .max_segs = 4});
	CHECK(dma_add_cut(&map, 0, 2049) == -EINVAL && seg[4].len == 0xeeeeeeeeeeeeeeee);
	test("dma: 2000 random pieces and limits: never more segments than it takes");
	for (int i = 0; i < 2000 && !test_failed(); i++) {
		u64 at = rnd_below(1 << 20);
		size_t len = 1 + rnd_below(20000);

		fresh(~0UL, (struct dma_limits){.max_segs = 1 + rnd_below(NELEM(seg)),
				    .seg_max = rnd_below(3) ? 1 + rnd_below(4096) : 0,
				    .boundary = rnd_below(3) ? 256UL << rnd_below(8) : 0});
		unsigned n = needed(at, len);
		int err = dma_add_cut(&map, at, len);
		if (n <= map.limits.max_segs)
			CHECK(err == 0 && map.nseg == n && covers(at, len));
		else
			CHECK(err == -EINVAL && map.nseg <= map.limits.max_segs);
	}
}

int
main(void)
{
	places();
	limits();
	return test_done();
}
