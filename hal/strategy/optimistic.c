/*
 * optimistic: unmap only notes the time. What is mapped again soon is found; what is not is torn
 * down some milliseconds later, many with one invalidation.
 *
 * Cost: as persistent for buffers that come again soon, as deferred for the others.
 * Protection: the device reaches a buffer for LINGER_MS, and a tick, after its unmap.
 * Paper: Amit, Ben-Yehuda, Tsafrir and Schuster, "vIOMMU: Efficient IOMMU Emulation" (USENIX ATC
 * 2011), there called optimistic teardown.
 */
#include "hal/strategy.h"
#include "hal/timer.h"

#define LINGER_MS 4

/* LAB 11: step 2: unmap; what is stale; what the tick does. Their types are in hal/strategy.h. */
static void
optimistic_unmap(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;

	dma_cache_unmap(map);
	if (!READ_ONCE(c->pending)) {
		spin_lock(&c->lock);
		dma_want_tick(c);
		spin_unlock(&c->lock);
	}
}

static bool
stale(const struct dma_client *c, const struct dma_cached *e, u64 tsc)
{
	return timer_tsc_to_ns(tsc - e->used_at) >= LINGER_MS * 1000000UL;
}

static void
optimistic_tick(struct dma_client *c, u64 now_ns)
{
	if (dma_cache_trim(c, stale))
		dma_want_tick(c);
}

/* LAB 11 ELSE
static int
not_yet(struct dma_client *c)
{
	return -ENOSYS;
}
LAB 11 END */

const struct dma_strategy dma_optimistic = {.name = "optimistic",
	.map = dma_cache_map,
	/* LAB 11: step 2: and say so here. */
	.unmap = optimistic_unmap,
	.tick = optimistic_tick,
	/* LAB 11 ELSE
	.start = not_yet,
	.unmap = dma_cache_unmap,
	LAB 11 END */
	.quota = ~0UL,
	.stop = dma_cache_stop,
	.forget = dma_cache_forget};
