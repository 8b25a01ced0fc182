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

#define LIMIT_NS 10000000UL

/* Invalidates; only then may the windows be used again. client->lock held. */
static void
flush(struct dma_client *c)
{
	/* LAB 5: step 5: sync; then all windows become spare, or are released; exposed no more. */
	if (!c->ndeferred)
		return;
	iommu_sync(c->dev->domain);
	for (unsigned i = 0; i < c->ndeferred; i++) {
		if (c->nspare < DMA_DEFERRED)
			c->spare[c->nspare++] = c->deferred[i];
		else
			dma_window_release(c, &c->deferred[i]);
	}
	c->ndeferred = 0;
	dma_expose(&c->exposure, -(s64)c->deferred_pages);
	c->deferred_pages = 0;
	/* LAB 5 ELSE
	LAB 5 END */
}

/* The map gives its window away for another one of its size, or takes one when it is used again. */
static void
deferred_unmap(struct dma_map *map)
{
	/* LAB 5: step 5: now the entry, later the rest: somebody has forgotten something here. */
	struct dma_client *c = map->dev->client;

	dma_window_unmap(map, false);
	dma_expose(&map->exposure, map->pages);
	spin_lock(&c->lock);
	c->deferred[c->ndeferred] = map->window;
	c->deferred_pages += map->pages;
	map->window.npages = 0;
	if (c->nspare) {
		struct iommu_window *w = &c->spare[--c->nspare];

		if (w->npages == map->window_pages)
			map->window = *w;
		else
			dma_window_release(c, w); /* of another map's size */
	}
	if (c->ndeferred++ == 0) {
		c->deferred_since = timer_ns();
		dma_want_tick(c);
	} else if (c->ndeferred == DMA_DEFERRED) {
		flush(c);
	}
	spin_unlock(&c->lock);
	/* LAB 5 ELSE
	dma_window_unmap(map, false);
	LAB 5 END */
}

static void
deferred_tick(struct dma_client *c, u64 now_ns)
{
	/* LAB 5: step 5: what waits for LIMIT_NS goes; else another tick is wanted. */
	if (now_ns - c->deferred_since >= LIMIT_NS)
		flush(c);
	else if (c->ndeferred)
		dma_want_tick(c);
	/* LAB 5 ELSE
	LAB 5 END */
}

static void
deferred_stop(struct dma_client *c)
{
	spin_lock(&c->lock);
	flush(c);
	while (c->nspare)
		dma_window_release(c, &c->spare[--c->nspare]);
	spin_unlock(&c->lock);
}

const struct dma_strategy dma_deferred = {.name = "deferred",
	.map = dma_window_map,
	.unmap = deferred_unmap,
	.stop = deferred_stop,
	.tick = deferred_tick};
