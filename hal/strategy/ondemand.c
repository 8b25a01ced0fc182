/*
 * ondemand: persistent under a quota. When a new mapping does not fit, the one that was used
 * longest ago goes (nearly: see evict() in cache.c).
 *
 * Cost: as persistent while the buffers in use fit the quota; else a map, an unmap and an
 * invalidation for each that does not.
 * Protection: the device reaches the buffers of the recent past, at most the quota.
 * Paper: Yassour, Ben-Yehuda and Wasserman, "On the DMA Mapping Problem in Direct Device
 * Assignment" (SYSTOR 2010).
 */
#include "hal/strategy.h"

#define QUOTA_PAGES 256

const struct dma_strategy dma_ondemand = {.name = "ondemand",
	.map = dma_cache_map,
	.unmap = dma_cache_unmap,
	.quota = QUOTA_PAGES,
	.stop = dma_cache_stop,
	.forget = dma_cache_forget};
