/*
 * persistent: what was mapped once stays mapped, and is found again when it is mapped again.
 *
 * Cost: nearly none once warm, and no exit; but what was ever mapped stays pinned.
 * Protection: the device reaches every buffer that it ever had, as it was allowed to then; nothing
 * else.
 * Paper: Willmann, Rixner and Cox (USENIX ATC 2008), there called persistent mappings.
 */
#include "hal/strategy.h"

const struct dma_strategy dma_persistent = {.name = "persistent",
	.map = dma_cache_map,
	.unmap = dma_cache_unmap,
	.quota = ~0UL,
	.stop = dma_cache_stop,
	.forget = dma_cache_forget};
