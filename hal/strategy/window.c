/*
 * Windows: what strict, deferred and batched map a buffer into. A map has one of its own; its
 * pieces lie in it one behind the other. What is inline of it is in hal/strategy.h.
 */
#include "hal/strategy.h"

void
dma_window_release(struct dma_client *c, struct iommu_window *w)
{
	iova_release(&c->iova, w->iova, w->npages);
	w->npages = 0;
}

int
dma_window_open(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;
	iova_t at;
	int err = iova_alloc(&c->iova, map->window_pages, &at);

	if (err)
		return err;
	if ((err = iommu_window_open(map->dev->domain, at, map->window_pages, &map->window)))
		dma_window_release(c, &map->window);
	return err;
}

/* Enters pages of the map's window. */
static int
enter(struct dma_map *map, u32 at, paddr_t pa, u32 npages)
{
	return iommu_window_map(&map->window, at, pa, npages, map->dir);
}

int
dma_window_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	return dma_window_fill(map, sg, n, enter);
}
