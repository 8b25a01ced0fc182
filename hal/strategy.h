/* Strategies: when mappings come and go. One small file each in strategy/; drivers see none. */
#ifndef HAL_STRATEGY_H
#define HAL_STRATEGY_H

#include "hal/iommu.h"

struct dma_strategy {
	const char *name;
	/* Enters pages of a map's window; the errors of iommu_map(). */
	int (*map)(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm);
	/* Must not fail for what was mapped; an error means that it was not. */
	int (*unmap)(struct domain *d, iova_t iova, u32 npages);
};

extern const struct dma_strategy dma_strict;

#endif
