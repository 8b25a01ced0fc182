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

static int
enter(struct dma_map *map, u32 at, paddr_t pa, u32 npages)
{
	return iommu_window_map(&map->window, at, pa, npages, map->dir);
}

static void
strict_unmap(struct dma_map *map)
{
	int err = iommu_window_unmap(&map->window, map->pages, true);

	if (err)
		pr_err("dma: %s: unmap of iova 0x%lx, %u pages: %s", map->dev->name,
			map->window.iova.v, map->pages, strerror(err));
}

static int
strict_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	int err = dma_map_window(map, sg, n, enter);

	if (err && map->pages)
		strict_unmap(map);
	return err;
}

const struct dma_strategy dma_strict = {.name = "strict", .map = strict_map, .unmap = strict_unmap};
