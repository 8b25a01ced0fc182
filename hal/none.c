/*
 * Nobody translates: a device reaches all memory. The VMM uses this driver for a device that was
 * assigned all the same; it works on the table alone, which says what is pinned for the device.
 */
#include "hal/iommu.h"

static int
none_init(struct domain *d)
{
	d->fixed = true;
	return pt_init(&d->pt, &pt_fmt_amdvi, 3, false); /* a format that has PT_FIRST */
}

static int
none_attach(struct domain *d, rid_t rid)
{
	return 0;
}

static void
none_detach(struct domain *d, rid_t rid)
{
}

static u64
none_reach(void)
{
	return pt_level_size(3);
}

/* Nothing is cached, since nothing is looked up. */
static void
none_invalidate(struct domain *d, u64 start, unsigned order, bool tables)
{
}

const struct iommu_ops iommu_none = {
	.name = "none",
	.domain_init = none_init,
	.attach = none_attach,
	.detach = none_detach,
	.reach = none_reach,
	.invalidate = none_invalidate,
};
