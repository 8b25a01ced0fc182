/*
 * strict: mapped when the driver maps, gone before its unmap returns.
 *
 * Cost: one table update at map; one update, one invalidation and the wait for it at unmap.
 * Protection: full, to the page. The device reaches a buffer exactly while it is mapped.
 * Paper: the baseline of Willmann, Rixner and Cox, "Protection Strategies for Direct Access to
 * Virtualized I/O Devices" (USENIX ATC 2008), there called single-use mappings.
 */
#include "hal/strategy.h"

static int
strict_unmap(struct domain *d, iova_t iova, u32 npages)
{
	return iommu_unmap(d, iova, npages, true);
}

const struct dma_strategy dma_strict = {"strict", iommu_map, strict_unmap};
