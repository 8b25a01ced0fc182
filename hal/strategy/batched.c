/*
 * batched: maps and unmaps are written into a ring, and done together when a driver commits: before
 * it rings its doorbell. In a guest that is one hypercall for all, and one invalidation.
 *
 * Cost: an exit and an invalidation for as many operations as there are between two doorbells.
 * Protection: as strict, but that an unmap is only done with the next commit, or after 10 ms.
 * Paper: Tian et al., "coIOMMU: A Virtual IOMMU with Cooperative DMA Buffer Tracking for Efficient
 * Memory Management in Direct I/O" (USENIX ATC 2020) shows what the exits cost; to put several
 * requests into one call is older than any paper on it.
 */
#include "hal/strategy.h"
#include "hal/timer.h"

#define LIMIT_NS 10000000UL

/* Does what is in the ring. client->lock held. */
static void
flush(struct dma_client *c)
{
	s64 pages = 0;

	if (!c->nbatch)
		return;
	iommu_batch(c->dev->domain, c->batch, c->nbatch);
	for (unsigned i = 0; i < c->nbatch; i++) {
		const struct iommu_request *r = &c->batch[i];
		if (r->map && r->err)
			c->batch_map[i]->error = r->err;
		else if (!r->map)
			pages += r->npages;
	}
	/* The other pieces of a map of which one has failed; all are in this batch. */
	for (unsigned i = 0; i < c->nbatch; i++) {
		const struct iommu_request *r = &c->batch[i];
		if (r->map && !r->err && c->batch_map[i]->error)
			iommu_unmap(c->dev->domain, r->iova, r->npages, true);
	}
	dma_expose(&c->exposure, -pages);
	__atomic_store_n(
		&c->nbatch, 0, __ATOMIC_RELEASE); /* what it did shows before: see commit */
}

/* Puts a request into the ring. client->lock held. */
static void
request(struct dma_client *c, struct dma_map *map, const struct iommu_request *r)
{
	c->batch_map[c->nbatch] = map;
	c->batch[c->nbatch++] = *r;
	if (c->nbatch == 1) {
		c->deferred_since = timer_ns();
		dma_want_tick(c);
	}
}

static int
enter(struct dma_map *map, u32 at, paddr_t pa, u32 npages)
{
	iova_t iova = {map->window.iova.v + (u64)at * PAGE_SIZE};
	request(map->dev->client, map,
		&(struct iommu_request){
			.map = true, .perm = map->dir, .npages = npages, .iova = iova, .pa = pa});
	return 0;
}

static void
batched_unmap(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;

	spin_lock(&c->lock);
	if (c->nbatch == DMA_BATCH)
		flush(c);
	if (!map->error) { /* else the commit has undone it */
		dma_expose(&c->exposure, map->pages);
		request(c, map,
			&(struct iommu_request){.npages = map->pages, .iova = map->window.iova});
	}
	spin_unlock(&c->lock);
}

static int
batched_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	struct dma_client *c = map->dev->client;
	int err;

	if (n > DMA_BATCH)
		return -EINVAL;
	spin_lock(&c->lock);
	if (c->nbatch + n > DMA_BATCH) /* the pieces of a map are in one batch */
		flush(c);
	map->error = 0; /* of this use; that may have told of the last one */
	err = dma_window_fill(map, sg, n, enter);
	spin_unlock(&c->lock);
	return err;
}

static int
batched_commit(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;

	if (__atomic_load_n(
		    &c->nbatch, __ATOMIC_ACQUIRE)) { /* else another's commit took this one along */
		spin_lock(&c->lock);
		flush(c);
		spin_unlock(&c->lock);
	}
	return map->error;
}

static void
batched_tick(struct dma_client *c, u64 now_ns)
{
	if (now_ns - c->deferred_since >= LIMIT_NS)
		flush(c);
	else if (c->nbatch)
		dma_want_tick(c);
}

static void
batched_stop(struct dma_client *c)
{
	spin_lock(&c->lock);
	flush(c);
	spin_unlock(&c->lock);
}

/* Its window is not another's as long as an unmap in it waits, nor does the ring know the map. */
static void
batched_forget(struct dma_map *map)
{
	batched_stop(map->dev->client);
}

const struct dma_strategy dma_batched = {.name = "batched",
	.map = batched_map,
	.unmap = batched_unmap,
	.commit = batched_commit,
	.stop = batched_stop,
	.forget = batched_forget,
	.tick = batched_tick};
