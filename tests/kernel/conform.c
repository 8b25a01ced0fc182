/* The clauses of the contract at the head of hal/iommu.h; what runs them is in conform_run.c. */
#include "hal/dma.h"
#include "kernel/proc.h"
#include "tests/kernel/conform.h"

#define BOTH (IOMMU_READ | IOMMU_WRITE)
#define AT   0x800000UL /* edu's driver has it reach 256 MiB */

static int
map(struct conform *c, u64 at, unsigned page, u32 npages, unsigned perm)
{
	return iommu_map(c->d, (iova_t){at}, conform_pa(c, page), npages, perm);
}

static int
unmap(struct conform *c, u64 at, u32 npages, bool sync)
{
	return iommu_unmap(c->d, (iova_t){at}, npages, sync);
}

/* Whether exactly the first `n` of the pages from `at` on are free: each can be mapped or not. */
static bool
is_free(struct conform *c, u64 at, u32 n)
{
	bool good = true;

	for (u32 i = 0; i < n; i++)
		good &= map(c, at + i * PAGE_SIZE, 9, 1, BOTH) == 0 &&
			unmap(c, at + i * PAGE_SIZE, 1, true) == 0;
	return good;
}

static void
nowhere(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	iommu_detach(c->d);
	CLAIM(c, conform_blocked(c, AT));
	CLAIM(c, conform_blocked(c, conform_pa(c, 1)));
}

static void
empty(struct conform *c)
{
	CLAIM(c, conform_blocked(c, conform_pa(c, 1)));
}

static void
both_ways(struct conform *c)
{
	IS(c, map(c, AT, 1, 2, BOTH), 0);
	CLAIM(c, conform_writes(c, AT + PAGE_SIZE, 2));
	CLAIM(c, conform_reads(c, AT, 1));
}

static void
to_device(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, IOMMU_READ), 0);
	CLAIM(c, conform_blocked(c, AT));
	CLAIM(c, conform_reads(c, AT, 1));
}

static void
from_device(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, IOMMU_WRITE), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	CLAIM(c, !conform_reads(c, AT, 1));
}

static void
no_replacement(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	IS(c, map(c, AT, 2, 1, BOTH), -EEXIST);
	IS(c, map(c, AT, 1, 1, BOTH), -EEXIST);
	IS(c, map(c, AT, 1, 1, IOMMU_READ), -EEXIST);
	CLAIM(c, conform_writes(c, AT, 1));
}

/* Long enough for more than one hypercall. */
static void
half_way(struct conform *c)
{
	u64 last = AT + 199 * PAGE_SIZE;

	IS(c, map(c, last, 1, 1, BOTH), 0);
	IS(c, map(c, AT, 300, 200, BOTH), -EEXIST);
	CLAIM(c, conform_blocked(c, AT));
	CLAIM(c, conform_blocked(c, AT + 198 * PAGE_SIZE));
	CLAIM(c, is_free(c, AT, 199));
	CLAIM(c, conform_writes(c, last, 1));
	IS(c, unmap(c, AT, 1, true), -ENOENT);
}

static void
not_mapped(struct conform *c)
{
	IS(c, unmap(c, AT, 1, true), -ENOENT);
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	IS(c, map(c, AT + 2 * PAGE_SIZE, 2, 1, BOTH), 0);
	IS(c, unmap(c, AT + PAGE_SIZE, 1, true), -ENOENT);
	CLAIM(c, conform_writes(c, AT, 1));
	CLAIM(c, conform_writes(c, AT + 2 * PAGE_SIZE, 2));
}

static void
holes(struct conform *c)
{
	for (unsigned i = 0; i < 5; i++)
		if (i != 2)
			IS(c, map(c, AT + i * PAGE_SIZE, i, 1, BOTH), 0);
	IS(c, unmap(c, AT + PAGE_SIZE, 3, true), -ENOENT);
	CLAIM(c, conform_writes(c, AT, 0));
	CLAIM(c, conform_writes(c, AT + 4 * PAGE_SIZE, 4));
	/* What was mapped in it may be gone or not; then it goes by its name. */
	(void)unmap(c, AT + PAGE_SIZE, 1, false);
	(void)unmap(c, AT + 3 * PAGE_SIZE, 1, true);
	CLAIM(c, is_free(c, AT + PAGE_SIZE, 3));
}

/* The device uses the mapping first, so that the IOTLB knows it. */
static void
unmap_with_sync(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	IS(c, unmap(c, AT, 1, true), 0);
	CLAIM(c, conform_blocked(c, AT));
}

static void
unmap_then_sync(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	IS(c, unmap(c, AT, 1, false), 0);
	(void)conform_blocked(c, AT); /* it may be so or not */
	iommu_sync(c->d);
	CLAIM(c, conform_blocked(c, AT));
}

static void
sync_of_many(struct conform *c)
{
	static const u64 at[] = {AT + 0x3000, AT, 0x40001000, AT + 0x200000};

	for (unsigned i = 0; i < NELEM(at); i++) {
		IS(c, map(c, at[i], i, 1, BOTH), 0);
		CLAIM(c, conform_writes(c, at[i], i));
	}
	for (unsigned i = 0; i < NELEM(at); i++)
		IS(c, unmap(c, at[i], 1, false), 0);
	iommu_sync(c->d);
	for (unsigned i = 0; i < NELEM(at); i++)
		CLAIM(c, conform_blocked(c, at[i]));
}

/* The sync belongs to the unmap before it, whatever has come in between. */
static void
remapped(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	IS(c, unmap(c, AT, 1, false), 0);
	IS(c, map(c, AT, 2, 1, BOTH), 0);
	iommu_sync(c->d);
	CLAIM(c, conform_writes(c, AT, 2));
}

/* A leaf of 2 MiB. In a guest a map is whole, and a page of it has no name. */
static void
large(struct conform *c)
{
	u64 in = AT + 100 * PAGE_SIZE;

	IS(c, map(c, AT, 0, 1024, BOTH), 0);
	CLAIM(c, conform_writes(c, in, 100));
	IS(c, map(c, in, 1, 1, BOTH), -EEXIST);
	IS(c, unmap(c, in, 1, true), 0);
	CLAIM(c, conform_blocked(c, in));
	CLAIM(c, conform_writes(c, in + PAGE_SIZE, 101));
	CLAIM(c, conform_writes(c, AT + 600 * PAGE_SIZE, 600));
	IS(c, unmap(c, AT, 1024, true), -ENOENT);
	CLAIM(c, conform_blocked(c, in + PAGE_SIZE));
	CLAIM(c, conform_blocked(c, AT + 600 * PAGE_SIZE));
	IS(c, map(c, AT, 0, 1024, BOTH), 0);
	CLAIM(c, conform_writes(c, in, 100));
	IS(c, unmap(c, AT, 1024, true), 0);
	CLAIM(c, conform_blocked(c, in));
}

/* What drivers see: two buffers in one page, each with a life of its own. */
static void
halves(struct conform *c)
{
	static const struct dma_limits limits;
	struct device *dev = &c->edu->dev;
	struct dma_map m[2] = {0};

	iommu_detach(c->d);
	IS(c, dma_attach(dev), 0);
	for (unsigned i = 0; i < 2; i++) {
		u8 *half = c->mem + PAGE_SIZE + i * PAGE_SIZE / 2;
		IS(c, dma_map_create(dev, &limits, PAGE_SIZE, &m[i]), 0);
		IS(c, dma_map(&m[i], half, PAGE_SIZE / 2, DMA_FROM_DEVICE), 0);
		IS(c, dma_commit(&m[i]), 0);
	}
	u64 first = ROUND_DOWN(m[0].seg[0].iova.v, PAGE_SIZE);
	u64 second = ROUND_DOWN(m[1].seg[0].iova.v, PAGE_SIZE);
	CLAIM(c, conform_writes(c, first, 1));
	dma_unmap(&m[0]);
	CLAIM(c, conform_writes(c, second, 1));
	CLAIM(c, conform_blocked(c, first));
	dma_unmap(&m[1]);
	CLAIM(c, conform_blocked(c, second));
	dma_map_destroy(&m[0]);
	dma_map_destroy(&m[1]);
	dma_detach(dev);
}

static void
bad_arguments(struct conform *c)
{
	paddr_t pa = conform_pa(c, 1);

	IS(c, iommu_map(c->d, (iova_t){AT + 1}, pa, 1, BOTH), -EINVAL);
	IS(c, iommu_map(c->d, (iova_t){AT}, pa + 8, 1, BOTH), -EINVAL);
	IS(c, iommu_map(c->d, (iova_t){AT}, pa, 0, BOTH), -EINVAL);
	IS(c, iommu_map(c->d, (iova_t){AT}, pa, 1, 0), -EINVAL);
	IS(c, iommu_map(c->d, (iova_t){AT}, pa, 1, PT_FIRST), -EINVAL);
	IS(c, iommu_map(c->d, (iova_t){AT}, pa, 1, BOTH | PT_X), -EINVAL);
	IS(c, unmap(c, AT + 1, 1, true), -EINVAL);
	IS(c, unmap(c, AT, 0, true), -EINVAL);
	CLAIM(c, is_free(c, AT, 2));
}

static void
beyond_reach(struct conform *c)
{
	u64 end = c->d->reach;

	IS(c, map(c, end, 1, 1, BOTH), -ERANGE);
	IS(c, map(c, end - PAGE_SIZE, 1, 2, BOTH), -ERANGE);
	IS(c, unmap(c, end, 1, true), -ERANGE);
	IS(c, map(c, end - PAGE_SIZE, 1, 1, BOTH), 0);
	IS(c, unmap(c, end - PAGE_SIZE, 2, true), -ERANGE);
	IS(c, unmap(c, end - PAGE_SIZE, 1, true), 0);
}

static void
wrapping(struct conform *c)
{
	IS(c, map(c, -PAGE_SIZE, 1, 1, BOTH), -ERANGE);
	IS(c, map(c, -PAGE_SIZE, 1, 2, BOTH), -ERANGE);
	IS(c, map(c, c->d->reach - PAGE_SIZE, 1, ~0U, BOTH), -ERANGE);
	IS(c, unmap(c, -PAGE_SIZE, 1, true), -ERANGE);
	IS(c, map(c, 0, 1, 1, BOTH), 0);
	IS(c, unmap(c, -PAGE_SIZE, 2, true), -ERANGE);
	IS(c, unmap(c, 0, 1, true), 0);
}

/* No table translates what is written there (hal/addr.h). */
static void
interrupt_window(struct conform *c)
{
	IS(c, map(c, MSI_START, 1, 1, BOTH), -EINVAL);
	IS(c, map(c, MSI_END - PAGE_SIZE, 1, 1, BOTH), -EINVAL);
	IS(c, map(c, MSI_START - PAGE_SIZE, 1, 2, BOTH), -EINVAL);
	IS(c, map(c, MSI_END - PAGE_SIZE, 1, 2, BOTH), -EINVAL);
	IS(c, map(c, MSI_START - PAGE_SIZE, 1, 1, BOTH), 0);
	IS(c, map(c, MSI_END, 1, 1, BOTH), 0);
}

#define MAP(c, at, page, n)                                                                     \
	{                                                                                       \
		.map = true, .perm = BOTH, .npages = n, .iova = {at}, .pa = conform_pa(c, page) \
	}
#define UNMAP(at, n)                        \
	{                                   \
		.npages = n, .iova = { at } \
	}

static void
batch_in_order(struct conform *c)
{
	struct iommu_request r[] = {MAP(c, AT, 1, 1), UNMAP(AT, 1), MAP(c, AT, 2, 1),
		MAP(c, AT, 3, 1), MAP(c, AT + PAGE_SIZE, 3, 1), UNMAP(AT + PAGE_SIZE, 1)};

	IS(c, iommu_batch(c->d, r, NELEM(r)), -EEXIST);
	for (unsigned i = 0; i < NELEM(r); i++)
		IS(c, r[i].err, i == 3 ? -EEXIST : 0);
	CLAIM(c, conform_writes(c, AT, 2));
	CLAIM(c, conform_blocked(c, AT + PAGE_SIZE));
}

/* One that the VMM does in parts is whole before the next one begins. */
static void
long_batch(struct conform *c)
{
	struct iommu_request r[] = {MAP(c, AT, 100, 200), MAP(c, AT + 199 * PAGE_SIZE, 1, 1),
		MAP(c, AT + 200 * PAGE_SIZE, 2, 1), UNMAP(AT, 200), MAP(c, AT, 3, 80)};

	IS(c, iommu_batch(c->d, r, NELEM(r)), -EEXIST);
	for (unsigned i = 0; i < NELEM(r); i++)
		IS(c, r[i].err, i == 1 ? -EEXIST : 0);
	CLAIM(c, conform_writes(c, AT + 79 * PAGE_SIZE, 82));
	CLAIM(c, is_free(c, AT + 80 * PAGE_SIZE, 120));
	IS(c, unmap(c, AT, 80, true), 0);
	IS(c, unmap(c, AT + 200 * PAGE_SIZE, 1, true), 0);
}

static void
batch_errors(struct conform *c)
{
	struct iommu_request r[] = {UNMAP(AT, 1), MAP(c, AT + 1, 1, 1), MAP(c, AT, 1, 1),
		MAP(c, AT + PAGE_SIZE, 1, 0), UNMAP(AT, 0),
		{.map = true, .npages = 1, .iova = {AT}}, MAP(c, AT + PAGE_SIZE, 2, 1)};
	static const int want[] = {-ENOENT, -EINVAL, 0, -EINVAL, -EINVAL, -EINVAL, 0};

	IS(c, iommu_batch(c->d, r, NELEM(r)), -ENOENT);
	for (unsigned i = 0; i < NELEM(r); i++)
		IS(c, r[i].err, want[i]);
	CLAIM(c, conform_writes(c, AT, 1));
	CLAIM(c, conform_writes(c, AT + PAGE_SIZE, 2));
}

/* More than a page of requests; all that the device knew is gone after one sync. */
static void
batch_sync(struct conform *c)
{
	static struct iommu_request r[100];
	u64 syncs;

	for (unsigned i = 0; i < NELEM(r); i++)
		r[i] = (struct iommu_request)MAP(c, AT + i * PAGE_SIZE, i, 1);
	IS(c, iommu_batch(c->d, r, NELEM(r)), 0);
	CLAIM(c, conform_writes(c, AT, 0));
	CLAIM(c, conform_writes(c, AT + 99 * PAGE_SIZE, 99));
	for (unsigned i = 0; i < NELEM(r); i++)
		r[i].map = false;
	syncs = c->d->syncs;
	IS(c, iommu_batch(c->d, r, NELEM(r)), 0);
	if (!c->pv) /* there the VMM counts */
		IS(c, c->d->syncs - syncs, 1);
	CLAIM(c, conform_blocked(c, AT));
	CLAIM(c, conform_blocked(c, AT + 99 * PAGE_SIZE));
}

static void
live_detach(struct conform *c)
{
	IS(c, map(c, AT, 1, 80, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	iommu_detach(c->d);
	CLAIM(c, conform_blocked(c, AT));
	IS(c, iommu_attach(c->d, c->edu->dev.rid, c->edu->dev.alias), 0);
	CLAIM(c, conform_blocked(c, AT));
	CLAIM(c, is_free(c, AT, 80));
}

static void
attach_twice(struct conform *c)
{
	struct domain *other;
	rid_t rid = c->edu->dev.rid, alias = c->edu->dev.alias;

	IS(c, map(c, AT, 1, 1, BOTH), 0);
	IS(c, iommu_attach(c->d, rid, alias), -EEXIST);
	IS(c, domain_create(c->ops, &other), 0);
	IS(c, iommu_attach(other, rid, alias), -EEXIST);
	CLAIM(c, !other->attached);
	domain_destroy(other);
	CLAIM(c, conform_writes(c, AT, 1));
}

/* As if edu stood for 00:1f.0, like a bridge for what is behind it. */
static void
shared(struct conform *c)
{
	const rid_t other = RID(0, 31, 0), edu = c->edu->dev.rid;

	iommu_detach(c->d);
	IS(c, iommu_attach(c->d, other, edu), 0);
	IS(c, iommu_join(c->d, edu), 0);
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
	CLAIM(c, !iommu_leave(c->d));
	CLAIM(c, conform_writes(c, AT, 1));
	IS(c, iommu_join(c->d, other), 0);
	CLAIM(c, !iommu_leave(c->d));
	CLAIM(c, iommu_leave(c->d));
	CLAIM(c, conform_blocked(c, AT));
	IS(c, iommu_attach(c->d, other, other), 0); /* nothing is left of it */
	iommu_detach(c->d);
}

static void
detached(struct conform *c)
{
	struct iommu_request r = UNMAP(AT, 1);

	IS(c, map(c, AT, 1, 1, BOTH), 0);
	for (int i = 0; i < 2; i++) {
		iommu_detach(c->d);
		IS(c, map(c, AT, 1, 1, BOTH), -ENODEV);
		IS(c, unmap(c, AT, 1, true), -ENODEV);
		iommu_sync(c->d);
	}
	IS(c, iommu_batch(c->d, &r, 1), -ENODEV);
	CLAIM(c, iommu_is_clean(c->d));
	IS(c, iommu_attach(c->d, c->edu->dev.rid, c->edu->dev.alias), 0);
	IS(c, map(c, AT, 1, 1, BOTH), 0);
	CLAIM(c, conform_writes(c, AT, 1));
}

static void
never_attached(struct conform *c)
{
	struct domain *d = NULL;
	struct iommu_request r = MAP(c, AT, 1, 1);

	IS(c, domain_create(c->ops, &d), 0);
	IS(c, iommu_map(d, (iova_t){AT}, conform_pa(c, 1), 1, BOTH), -ENODEV);
	IS(c, iommu_unmap(d, (iova_t){AT}, 1, true), -ENODEV);
	IS(c, iommu_batch(d, &r, 1), -ENODEV);
	IS(c, r.err, -ENODEV);
	iommu_sync(d);
	iommu_detach(d);
	domain_destroy(d);
	IS(c, map(c, AT, 1, 1, BOTH), 0); /* ours is not touched */
}

/* All ids are in use at once: none twice. One that was given back is not the next one. */
static void
domain_ids(struct conform *c)
{
	static struct domain *all[1100];
	static bool seen[65536];
	unsigned n = 0;
	struct domain *d;
	u16 id;

	memset(seen, 0, sizeof(seen));
	IS(c, domain_create(c->ops, &d), 0);
	id = d->id;
	domain_destroy(d);
	while (n < NELEM(all) && domain_create(c->ops, &all[n]) == 0) {
		CLAIM(c, n > 0 || all[n]->id != id);
		CLAIM(c, all[n]->id && all[n]->id != c->d->id && !seen[all[n]->id]);
		seen[all[n++]->id] = true;
	}
	CLAIM(c, n >= 250);
	while (n--)
		domain_destroy(all[n]);
	IS(c, domain_create(c->ops, &d), 0);
	domain_destroy(d);
}

static void
faults(struct conform *c)
{
	IS(c, map(c, AT, 1, 1, IOMMU_READ), 0);
	c->nfaults = 0;
	CLAIM(c, conform_blocked(c, AT));
	for (int ms = 0; ms < 5000 && !READ_ONCE(c->nfaults); ms += 10)
		sleep_ms(10);
	CLAIM(c, c->nfaults);
	IS(c, c->fault.rid, c->edu->dev.rid);
	IS(c, c->fault.iova.v, AT);
	CLAIM(c, c->fault.write);
	CLAIM(c, c->fault.reason && c->fault.text && *c->fault.text);
	c->nfaults = 0;
	CLAIM(c, !conform_reads(c, AT + PAGE_SIZE, 1));
	for (int ms = 0; ms < 5000 && !READ_ONCE(c->nfaults); ms += 10)
		sleep_ms(10);
	IS(c, c->fault.iova.v, AT + PAGE_SIZE);
	CLAIM(c, c->nfaults && !c->fault.write);
	IS(c, c->d->faults, 2);
}

const struct clause conform_clauses[] = {
	{ALL, "a device that is attached nowhere is blocked", nowhere},
	{ALL, "nothing is mapped one to one", empty},
	{ALL, "what is mapped is reached, both ways", both_ways},
	{ALL, "what is mapped to the device is not written by it", to_device},
	{ALL, "what is mapped from the device is not read by it", from_device},
	{ALL, "map fails rather than replaces", no_replacement},
	{ALL, "a map that fails half-way leaves nothing behind", half_way},
	{ALL, "unmap of what is not mapped is reported, and removes nothing else", not_mapped},
	{ALL, "unmap of a range with a hole touches nothing outside", holes},
	{ALL, "after unmap with sync the device cannot reach", unmap_with_sync},
	{ALL, "after unmap and then sync the device cannot reach", unmap_then_sync},
	{ALL, "one sync is for all unmaps before it", sync_of_many},
	{ALL, "what is mapped again before the sync is the new page after it", remapped},
	{HARDWARE, "a page out of a large leaf", large},
	{ALL, "two buffers in one page: the first unmap leaves the second", halves},
	{ALL, "what is not aligned, empty or without permission is -EINVAL", bad_arguments},
	{ALL, "what is beyond the reach is -ERANGE", beyond_reach},
	{ALL, "addresses that wrap are -ERANGE", wrapping},
	{ALL, "nothing is mapped over the interrupt window", interrupt_window},
	{ALL, "a batch is done in order", batch_in_order},
	{ALL, "a batch is done in order, also its long requests", long_batch},
	{ALL, "an error in a batch is that request's alone", batch_errors},
	{ALL, "after a batch the device does not reach what it removed", batch_sync},
	{ALL, "detach blocks and empties", live_detach},
	{ALL, "attaching twice is -EEXIST", attach_twice},
	{HARDWARE, "devices that share a domain leave it one by one", shared},
	{ALL, "a detached domain takes nothing, and detach twice is harmless", detached},
	{ALL, "so does one that was never attached", never_attached},
	{ALL, "no two live domains have one id", domain_ids},
	{REPORTING, "a fault names device, address and direction, and reaches the owner", faults},
	{0},
};
