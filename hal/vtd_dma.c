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
	d->caches_absence = CAP_CM(vtd.cap); /* 6.1 */
	return err;
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

static void
vtd_invalidate(struct domain *d, u64 start, u64 end, bool tables)
{
	spin_lock(&vtd.lock);
	if (tables) /* their cached copies go too */
		invalidate_domain(d->id);
	else
		invalidate_pages(d->id, start, end);
	vtd_queue_run();
	spin_unlock(&vtd.lock);
}

const struct iommu_ops vtd_ops = {
	.name = "vtd",
	.domain_init = vtd_domain_init,
	.attach = vtd_attach,
	.detach = vtd_detach,
	.reach = vtd_reach,
	.invalidate = vtd_invalidate,
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
