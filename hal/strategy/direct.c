/*
 * direct: nobody translates; the bus address is the physical address. Not chosen, but what is left
 * where there is no IOMMU, or mode=direct asks not to use it.
 *
 * Cost: none. Protection: none. The device reaches all of memory all of the time.
 */
#include "hal/strategy.h"

static int
direct_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	return dma_map_one_in_place(map, sg, n, 0);
}

static void
direct_unmap(struct dma_map *map)
{
}

const struct dma_strategy dma_direct = {.name = "direct", .map = direct_map, .unmap = direct_unmap};
