/* VT-d: the IOMMU contract. Domains, context entries, and what the IOTLB has to forget. */
#include "hal/vtd/vtd.h"
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

/* DMA already translated is drained too, where the unit can: else it could still arrive later. */
static u64
drain(const struct vtd *u)
{
	return CAP_DWD(u->cap) << 6 | CAP_DRD(u->cap) << 7;
}

/* Has the unit forget context entries, and what it translated by them. Locked. */
static void
forget(struct vtd *u, u64 context, u64 iotlb)
{
	vtd_invalidate(u, INV_CONTEXT | context, 0);
	vtd_wait(u); /* first: the IOTLB could be filled again from a stale context */
	vtd_invalidate(u, INV_IOTLB | drain(u) | iotlb, 0);
	vtd_wait(u);
}

/* Writes a device's context entry. `was`: the domain that the old one is cached under. Locked. */
static void
set_context(struct vtd *u, rid_t rid, struct context_entry *c, u64 lo, u64 hi, u64 was, u64 domain)
{
	/* LAB 4: step 4: write the entry, so that the unit never sees half of it, and flush. */
	WRITE_ONCE(c->lo, 0);
	WRITE_ONCE(c->hi, hi);
	WRITE_ONCE(c->lo, lo); /* present last: the unit may read it between the stores */
	vtd_flush(u, c, sizeof(*c));
	/* LAB 4 ELSE
	LAB 4 END */
	forget(u, GRAN_DEVICE | was << 16 | (u64)rid << 32, GRAN_DOMAIN | domain << 16);
}

/* What every unit reaches. */
static u64
vtd_reach(void)
{
	u64 reach = pt_level_size(4);

	for (unsigned n = 0; n < vtd_dmar.nunits; n++)
		reach = MIN(reach,
			MIN(pt_level_size(vtd_unit[n]->levels), 1UL << CAP_MGAW(vtd_unit[n]->cap)));
	return reach;
}

/* Whether any of a region is memory that we use: then the firmware is wrong. */
static bool
is_ours(u64 start, u64 end)
{
	for (; start < end; start += PAGE_SIZE)
		if (mem_is_ram(start))
			return true;
	return false;
}

/*
 * What the firmware has the device use stays where it is (8.4): mapped one to one. Page by page
 * where regions overlap.
 */
static int
map_regions(struct domain *d, rid_t rid)
{
	struct pt_gather g = {0};
	int err = 0;

	for (unsigned n = 0; n < vtd_dmar.nregions && !err; n++) {
		u64 at = vtd_dmar.region[n].start, end = vtd_dmar.region[n].end;

		if (!dmar_region_has(&vtd_dmar, n, rid))
			continue;
		if (is_ours(at, end)) {
			pr_warn("vtd: " RID_FMT ": reserved region 0x%lx lies in RAM: not mapped",
				RID_ARGS(rid), at);
			continue;
		}
		err = pt_map(&d->pt, at, at, end - at, PT_R | PT_W, &g);
		for (; err == -EEXIST && at < end; at += PAGE_SIZE)
			pt_map(&d->pt, at, at, PAGE_SIZE, PT_R | PT_W, &g);
		err = err == -EEXIST ? 0 : err;
	}
	return err;
}

static unsigned
vtd_reserved(rid_t rid, struct iova_range *range, unsigned max)
{
	unsigned count = 0;

	for (unsigned n = 0; n < vtd_dmar.nregions && count < max; n++)
		if (dmar_region_has(&vtd_dmar, n, rid))
			range[count++] = vtd_dmar.region[n];
	return count;
}

/* The context entry of a device; makes the bus's table if need be. NULL without memory. */
static struct context_entry *
context_of(struct vtd *u, rid_t rid)
{
	/* LAB 4: step 4: from the root entry of the bus to the context entry of the device
	 * (9.1, 9.3). */
	u64 *root = u->root + 2 * RID_BUS(rid);
	struct context_entry *table;

	if (!(root[0] & 1)) {
		if (!(table = page_alloc(FRAME_TABLE)))
			return NULL;
		vtd_flush(u, table, PAGE_SIZE);
		root[0] = virt_to_phys(table) | 1;
		vtd_flush(u, root, 16);
	}
	table = phys_to_virt(root[0] & ~PAGE_MASK);
	return &table[rid & 0xff];
	/* LAB 4 ELSE
	return NULL;
	LAB 4 END */
}

/* Makes the domain one of the unit's, as its device is attached: tables as this unit reads them. */
static int
adopt(struct domain *d, struct vtd *u)
{
	int err;

	if (d->unit)
		return d->unit == u ? 0 : -EINVAL;
	if (d->id >= CAP_ND(u->cap))
		return -ENOSPC;
	if ((err = pt_init(&d->pt, &pt_fmt_vtd, u->levels, !ECAP_C(u->ecap))))
		return err;
	d->pt.leaf_levels = 1 | CAP_SLLPS(u->cap) << 1;
	/* 6.1; and 6.8: an invalidation flushes the write buffer, too. */
	d->caches_absence = CAP_CM(u->cap) || u->write_buffer;
	d->unit = u;
	return 0;
}

static int
vtd_attach(struct domain *d, rid_t rid)
{
	struct vtd *u = vtd_of(rid);
	struct context_entry *c;
	int err;

	if (!u)
		return -ENODEV;
	if ((err = adopt(d, u)) || (err = map_regions(d, rid)))
		return err;
	/* LAB 4: step 5: the device's context entry, if it is free, to the domain's table. */
	spin_lock(&u->lock);
	if (!(c = context_of(u, rid))) {
		err = -ENOMEM;
	} else if (c->lo & CONTEXT_PRESENT) {
		err = -EEXIST;
	} else {
		/* Caching mode (6.1): also what was not present may be cached, as domain 0. */
		set_context(u, rid, c, d->pt.root_pa | CONTEXT_PRESENT,
			(u64)d->id << 8 | (u->levels - 2), CAP_CM(u->cap) ? 0 : d->id, d->id);
	}
	spin_unlock(&u->lock);
	/* LAB 4 ELSE
	c = NULL;
	err = c ? 0 : -ENOSYS;
	LAB 4 END */
	return err;
}

static void
vtd_detach(struct domain *d, rid_t rid)
{
	struct vtd *u = d->unit;

	spin_lock(&u->lock);
	set_context(u, rid, context_of(u, rid), 0, 0, d->id, d->id);
	spin_unlock(&u->lock);
}

static void
vtd_forget_block(struct domain *d, u64 start, unsigned order, bool tables)
{
	struct vtd *u = d->unit;
	/* LAB 5: step 4: only these pages; or, where that is not possible, only this domain. */
	/* Cached copies of tables only go with all of the domain. */
	bool all = tables || !CAP_PSI(u->cap) || order > CAP_MAMV(u->cap);

	spin_lock(&u->lock);
	vtd_invalidate(u, INV_IOTLB | (all ? GRAN_DOMAIN : GRAN_PAGE) | drain(u) | (u64)d->id << 16,
		all ? 0 : start | order);
	vtd_wait(u);
	spin_unlock(&u->lock);
	/* LAB 5 ELSE

	spin_lock(&u->lock);
	vtd_invalidate(u, INV_IOTLB | GRAN_DOMAIN | drain(u) | (u64)d->id << 16, 0);
	vtd_wait(u);
	spin_unlock(&u->lock);
	LAB 5 END */
}

const struct iommu_ops vtd_ops = {
	.name = "vtd",
	.attach = vtd_attach,
	.detach = vtd_detach,
	.reach = vtd_reach,
	.invalidate = vtd_forget_block,
	.reserved = vtd_reserved,
};

int
vtd_start_translation(struct vtd *u)
{
	int err;

	/* LAB 4: step 6: an empty root table, the unit told of it, nothing cached; then G_TE. */
	if (!(u->root = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	vtd_flush(u, u->root, PAGE_SIZE);
	vtd_reg64(u, RTADDR) = virt_to_phys(u->root);
	if ((err = vtd_command(u, G_SRTP, true)))
		return err;
	spin_lock(&u->lock);
	forget(u, GRAN_GLOBAL, GRAN_GLOBAL); /* 6.6: after a new root table */
	spin_unlock(&u->lock);
	return vtd_command(u, G_TE, true);
	/* LAB 4 ELSE
	err = -ENOSYS;
	return err;
	LAB 4 END */
}
