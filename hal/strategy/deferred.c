/*
 * deferred: the entry goes at unmap, the invalidation later: for 250 unmaps at once, or after 10
 * ms. Until then the buffer's bus addresses are not used again, and in a guest its pins stay.
 *
 * Cost: two table updates; an invalidation for 250 of them.
 * Protection: a device that still has the old translation in its IOTLB reaches the buffer for up
 * to 10 ms after unmap, when it may be used for something else.
 * Paper: measured as Linux's default by Malka, Amit, Ben-Yehuda and Tsafrir, "rIOMMU: Efficient
 * IOMMU for I/O Devices that Employ Ring Buffers" (ASPLOS 2015).
 */
#include "hal/strategy.h"
#include "hal/timer.h"
#include "kernel/abi.h"
#include "kernel/mem.h"

#define LIMIT_NS 10000000UL

/* Invalidates, and only then gives the addresses back. client->lock held. */
static void
flush(struct dma_client *c)
{
	s64 pages = 0;

	if (!c->ndeferred)
		return;
	iommu_sync(c->dev->domain);
	for (unsigned i = 0; i < c->ndeferred; i++) {
		dma_window_release(c, c->deferred[i].iova, c->deferred[i].npages);
		pages += c->deferred[i].npages_mapped;
	}
	c->ndeferred = 0;
	dma_expose(&c->exposure, -pages);
}

static int
enter(struct dma_map *map, iova_t at, paddr_t pa, u32 npages)
{
	return iommu_map(map->dev->domain, at, pa, npages, map->dir);
}

/* The map gives its window away, and takes a fresh one when it is used again. */
static void
deferred_unmap(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;
	int err = iommu_unmap(map->dev->domain, map->window, map->pages, false);

	if (err)
		pr_err("dma: %s: unmap of iova 0x%lx, %u pages: %s", map->dev->name, map->window.v,
			map->pages, strerror(err));
	spin_lock(&c->lock);
	c->deferred[c->ndeferred].iova = map->window;
	c->deferred[c->ndeferred].npages = map->window_pages;
	c->deferred[c->ndeferred].npages_mapped = map->pages;
	map->window.v = 0;
	dma_expose(&c->exposure, map->pages);
	if (c->ndeferred++ == 0) {
		c->deferred_since = timer_ns();
		dma_want_tick(c);
	} else if (c->ndeferred == DMA_DEFERRED) {
		flush(c);
	}
	spin_unlock(&c->lock);
}

static int
deferred_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	int err = dma_map_window(map, sg, n, enter);

	if (err && map->pages)
		deferred_unmap(map);
	return err;
}

static void
deferred_tick(struct dma_client *c, u64 now_ns)
{
	if (now_ns - c->deferred_since >= LIMIT_NS)
		flush(c);
	else if (c->ndeferred)
		dma_want_tick(c);
}

static void
deferred_stop(struct dma_client *c)
{
	spin_lock(&c->lock);
	flush(c);
	spin_unlock(&c->lock);
}

const struct dma_strategy dma_deferred = {.name = "deferred",
	.map = deferred_map,
	.unmap = deferred_unmap,
	.stop = deferred_stop,
	.tick = deferred_tick};
