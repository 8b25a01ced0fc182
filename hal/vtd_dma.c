/* VT-d: the IOMMU contract. Domains, context entries, and what the IOTLB has to forget. */
#include "hal/vtd.h"
#include "kernel/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

static void
invalidate_context(rid_t rid, u16 domain)
{
	vtd_queue_put(INV_CONTEXT | GRAN_DEVICE | (u64)domain << 16 | (u64)rid << 32, 0);
}

/* DMA already translated is drained too, where the unit can: else it could still arrive later. */
static u64
drain(void)
{
	return CAP_DWD(vtd.cap) << 6 | CAP_DRD(vtd.cap) << 7;
}

static void
invalidate_domain(u16 domain)
{
	vtd_queue_put(INV_IOTLB | GRAN_DOMAIN | drain() | (u64)domain << 16, 0);
}

/* One block of 2^order pages that covers [start, end). */
static void
invalidate_pages(u16 domain, u64 start, u64 end)
{
	unsigned order = 0;

	while (ROUND_DOWN(start, PAGE_SIZE << order) + (PAGE_SIZE << order) < end)
		order++;
	if (!CAP_PSI(vtd.cap) || order > CAP_MAMV(vtd.cap))
		invalidate_domain(domain);
	else
		vtd_queue_put(INV_IOTLB | GRAN_PAGE | drain() | (u64)domain << 16,
			ROUND_DOWN(start, PAGE_SIZE << order) | order);
}

static u64
vtd_reach(void)
{
	return pt_level_size(vtd.levels);
}

static int
vtd_domain_init(struct domain *d)
{
	int err;

	if (d->id >= CAP_ND(vtd.cap))
		return -ENOSPC;
	err = pt_init(&d->pt, &pt_fmt_vtd, vtd.levels, !ECAP_C(vtd.ecap));
	d->pt.leaf_levels = 1 | CAP_SLLPS(vtd.cap) << 1;
	return err;
}

static void
vtd_domain_fini(struct domain *d)
{
	pt_gather_free(&d->pt, &d->gather);
	pt_destroy(&d->pt);
}

/* The context entry of a device; makes the bus's table if need be. NULL without memory. */
static struct context_entry *
context_of(rid_t rid)
{
	u64 *root = vtd.root + 2 * RID_BUS(rid);
	struct context_entry *table;

	if (!(root[0] & 1)) {
		if (!(table = page_alloc(FRAME_TABLE)))
			return NULL;
		vtd_flush(table, PAGE_SIZE);
		root[0] = virt_to_phys(table) | 1;
		vtd_flush(root, 16);
	}
	table = phys_to_virt(root[0] & ~PAGE_MASK);
	return &table[rid & 0xff];
}

static int
vtd_attach(struct domain *d, rid_t rid)
{
	struct context_entry *c;
	int err = 0;

	spin_lock(&vtd.lock);
	if (!(c = context_of(rid))) {
		err = -ENOMEM;
	} else if (c->lo & CONTEXT_PRESENT) {
		err = -EEXIST;
	} else {
		/* Present last: the unit may read the entry between the two stores. */
		WRITE_ONCE(c->hi, (u64)d->id << 8 | (vtd.levels - 2));
		WRITE_ONCE(c->lo, d->pt.root_pa | CONTEXT_PRESENT);
		vtd_flush(c, sizeof(*c));
		/* Caching mode (6.1): also what was not present may be cached, as domain 0. */
		invalidate_context(rid, CAP_CM(vtd.cap) ? 0 : d->id);
		vtd_queue_run(); /* first: the IOTLB could be filled again from a stale context */
		invalidate_domain(d->id);
		vtd_queue_run();
	}
	spin_unlock(&vtd.lock);
	return err;
}

static void
vtd_detach(struct domain *d, rid_t rid)
{
	struct context_entry *c;

	spin_lock(&vtd.lock);
	c = context_of(rid);
	WRITE_ONCE(c->lo, 0);
	WRITE_ONCE(c->hi, 0);
	vtd_flush(c, sizeof(*c));
	invalidate_context(rid, d->id);
	vtd_queue_run();
	invalidate_domain(d->id);
	vtd_queue_run();
	spin_unlock(&vtd.lock);
}

/* Invalidates what the domain's gather names, waits, and frees what it kept. Domain locked. */
static void
flush_gather(struct domain *d)
{
	if (d->gather.start != d->gather.end || d->gather.tables) {
		spin_lock(&vtd.lock);
		if (d->gather.tables) /* table pages went: their cached copies too */
			invalidate_domain(d->id);
		else
			invalidate_pages(d->id, d->gather.start, d->gather.end);
		vtd_queue_run();
		spin_unlock(&vtd.lock);
	}
	pt_gather_free(&d->pt, &d->gather);
}

static int
vtd_map(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm)
{
	struct pt_gather g = {0};
	int err;

	spin_lock(&d->lock);
	err = pt_map(&d->pt, iova.v, pa, (u64)npages * PAGE_SIZE, perm, &g);
	if (g.start != g.end || CAP_CM(vtd.cap)) {
		/* A map that failed half-way was visible; in caching mode absence is cached. */
		spin_lock(&vtd.lock);
		invalidate_pages(d->id, iova.v, iova.v + (u64)npages * PAGE_SIZE);
		vtd_queue_run();
		spin_unlock(&vtd.lock);
	}
	pt_gather_free(&d->pt, &g);
	spin_unlock(&d->lock);
	return err;
}

static int
vtd_unmap(struct domain *d, iova_t iova, u32 npages, bool sync)
{
	u64 len = (u64)npages * PAGE_SIZE, removed;
	int err;

	spin_lock(&d->lock);
	err = pt_unmap(&d->pt, iova.v, len, &removed, &d->gather);
	if (sync)
		flush_gather(d);
	spin_unlock(&d->lock);
	return err ? err : removed == len ? 0 : -ENOENT;
}

static void
vtd_sync(struct domain *d)
{
	spin_lock(&d->lock);
	flush_gather(d);
	spin_unlock(&d->lock);
}

const struct iommu_ops vtd_ops = {
	.name = "vtd",
	.domain_init = vtd_domain_init,
	.domain_fini = vtd_domain_fini,
	.attach = vtd_attach,
	.detach = vtd_detach,
	.map = vtd_map,
	.unmap = vtd_unmap,
	.sync = vtd_sync,
	.reach = vtd_reach,
};

int
vtd_start_translation(void)
{
	if (!(vtd.root = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	vtd_flush(vtd.root, PAGE_SIZE);
	vtd_write64(RTADDR, virt_to_phys(vtd.root));
	if (!vtd_command(G_SRTP, true))
		return -EIO;
	/* 6.6: after a new root table, context cache and IOTLB globally. */
	spin_lock(&vtd.lock);
	vtd_queue_put(INV_CONTEXT | GRAN_GLOBAL, 0);
	vtd_queue_run(); /* first: the IOTLB could be filled again from a stale context */
	vtd_queue_put(INV_IOTLB | GRAN_GLOBAL | drain(), 0);
	vtd_queue_run();
	spin_unlock(&vtd.lock);
	return vtd_command(G_TE, true) ? 0 : -EIO;
}
