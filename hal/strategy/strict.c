/*
 * strict: mapped when the driver maps, gone before its unmap returns.
 *
 * Cost: one table update at map; one update, one invalidation and the wait for it at unmap. In a
 * guest one hypercall each.
 * Protection: full, to the page. The device reaches a buffer exactly while it is mapped.
 * Paper: Willmann, Rixner and Cox, "Protection Strategies for Direct Access to Virtualized I/O
 * Devices" (USENIX ATC 2008), there called single-use mappings.
 */
#include "hal/strategy.h"

static void
strict_unmap(struct dma_map *map)
{
	dma_window_unmap(map, true);
}

const struct dma_strategy dma_strict = {
	.name = "strict", .map = dma_window_map, .unmap = strict_unmap};
