/* AMD-Vi: the IOMMU contract. Domains, device table entries, and what the IOTLB has to forget. */
#include "hal/amdvi/amdvi.h"
#include "lib/abi.h"

/* 512 GiB, with leaves of 4 KiB, 2 MiB and 1 GiB; every unit also does 4 levels (2.2.3). */
#define LEVELS 3

/*
 * Forgets a block of 2^order pages: 2.4.3. Ones below the lowest zero of the address say how large
 * it is. `tables`: entries that point to tables as well. Lock held.
 */
static void
forget(const struct domain *d, u64 start, unsigned order, bool tables)
{
	if (order)
		start |= ((PAGE_SIZE << (order - 1)) - PAGE_SIZE) | CMD_PAGES_SIZE;
	amdvi_queue_put(CMD(CMD_PAGES) | (u64)d->id << 32, start | (tables ? CMD_PAGES_TABLES : 0));
	amdvi_queue_run();
}

static u64
amdvi_reach(void)
{
	return pt_level_size(LEVELS);
}

/* Table walks are snooped, since SD is clear in every entry (2.2.2.1): so nothing is flushed. */
static int
amdvi_domain_init(struct domain *d)
{
	d->caches_absence = amdvi.caches_absence;
	return pt_init(&d->pt, &pt_fmt_amdvi, LEVELS, false);
}

static int
amdvi_attach(struct domain *d, rid_t rid)
{
	rid_t as = ivrs_alias(&amdvi.ivrs, rid);
	int err = 0;

	if (ivrs_is_reserved(&amdvi.ivrs, rid)) {
		pr_warn("amdvi: " RID_FMT ": firmware reserves memory for it: blocked",
			RID_ARGS(rid));
		return -EBUSY;
	}
	spin_lock(&amdvi.lock);
	if (amdvi.devtab[as].word[0] != DTE_BLOCKED) {
		/* The bridge's entry serves for all behind it. */
		err = amdvi.devtab[as].word[1] == d->id ? 0 : -EEXIST;
	} else {
		/*
		 * In two steps: the unit may read the entry between the stores, and must not tag
		 * what it caches with the number of another domain.
		 */
		amdvi_set_entry(as, 1, d->id);
		amdvi_set_entry(as, 0,
			d->pt.root_pa | DTE_LEVELS(LEVELS) | DTE_BLOCKED | DTE_READ | DTE_WRITE);
	}
	spin_unlock(&amdvi.lock);
	return err;
}

static void
amdvi_detach(struct domain *d, rid_t rid)
{
	rid_t as = ivrs_alias(&amdvi.ivrs, rid);

	spin_lock(&amdvi.lock);
	amdvi_set_entry(as, 0, DTE_BLOCKED);
	amdvi_set_entry(as, 1, 0);
	/* After the entry: the IOTLB could be filled again through a stale one. */
	forget(d, 0, 9 * LEVELS, true);
	spin_unlock(&amdvi.lock);
}

static void
amdvi_invalidate(struct domain *d, u64 start, unsigned order, bool tables)
{
	spin_lock(&amdvi.lock);
	forget(d, start, order, tables || d->caches_absence);
	spin_unlock(&amdvi.lock);
}

const struct iommu_ops amdvi_ops = {
	.name = "amdvi",
	.domain_init = amdvi_domain_init,
	.attach = amdvi_attach,
	.detach = amdvi_detach,
	.reach = amdvi_reach,
	.invalidate = amdvi_invalidate,
};
