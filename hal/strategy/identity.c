/*
 * identity: a buffer's bus address is its physical address, as in the patent (iova=gpa makes it the
 * strategy of all devices). A page has one entry however many buffers lie in it: it is counted, and
 * goes with the last of them, before its unmap returns. Where the place is taken, by a ring or by a
 * buffer of another direction, or the device cannot reach it, the page is entered elsewhere.
 *
 * The only strategy where nobody translates (vmctl assign --unsafe): then the bus address is the
 * machine's physical address, which the VMM says, and the pages are merely pinned.
 *
 * Cost: as strict, by page; a list is looked through under a lock.
 * Protection: to the page, but a buffer is reached until the last one in its page is unmapped; and
 * who sees a bus address knows a physical one.
 * Source: patent US 8001543.
 */
#include "hal/strategy.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"

/* Has one more buffer use a page, and puts its entry into *out. client->lock held. */
static int
get(struct dma_map *map, paddr_t page, struct dma_cached **out)
{
	struct device *dev = map->dev;
	u64 key = page | (dev->domain->fixed ? 0 : map->dir);
	struct dma_cached **first = dma_cache_bucket(dev->client, key), *p = *first;
	int err;

	while (p && p->key != key)
		p = p->next;
	if (!p) {
		if (!(p = kmalloc(sizeof(*p))))
			return -ENOMEM;
		if ((err = dma_place(dev, page, 1, map->dir, &p->iova))) {
			kfree(p);
			return err;
		}
		p->key = key;
		p->next = *first;
		*first = p;
	}
	p->uses++;
	*out = p;
	return 0;
}

/* The buffer's pages lose a use: all entries that nobody uses go, one sync, then the addresses. */
static void
identity_unmap(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;
	struct dma_cached **at;
	bool any = false;
	int err;

	spin_lock(&c->lock);
	for (u32 i = 0; i < map->pages; i++) {
		struct dma_cached *p = map->cached[i];

		if (--p->uses) {
			map->cached[i] = NULL;
			continue;
		}
		for (at = dma_cache_bucket(c, p->key); *at != p; at = &(*at)->next)
			;
		*at = p->next;
		if ((err = iommu_unmap(map->dev->domain, p->iova, 1, false)))
			pr_err("dma: %s: unmap of iova 0x%lx: %s", map->dev->name, p->iova.v,
				strerror(err));
		any = true;
	}
	if (any)
		iommu_sync(map->dev->domain);
	for (u32 i = 0; i < map->pages; i++)
		if (map->cached[i]) {
			iova_release(&c->iova, map->cached[i]->iova, 1);
			kfree(map->cached[i]);
		}
	spin_unlock(&c->lock);
}

static int
identity_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	int err = 0;

	if (!map->cached && !(map->cached = kmalloc(map->window_pages * sizeof(*map->cached))))
		return -ENOMEM;
	spin_lock(&map->dev->client->lock);
	for (; n && !err; n--, sg++) {
		paddr_t at = virt_to_phys(sg->va), end = at + sg->len;

		err = sg->len ? 0 : -EINVAL;
		while (at < end && !err) {
			paddr_t page = ROUND_DOWN(at, PAGE_SIZE), next = MIN(page + PAGE_SIZE, end);
			struct dma_cached **p = &map->cached[map->pages];

			if (map->pages == map->window_pages)
				err = -EINVAL;
			else if (!(err = get(map, page, p))) {
				map->pages++;
				err = dma_add_seg(map, (*p)->iova.v + (at - page), next - at);
			}
			at = next;
		}
	}
	spin_unlock(&map->dev->client->lock);
	return err;
}

/* Other windows lie above the memory. -EBUSY if one has been given out below: after the boot. */
static int
identity_start(struct dma_client *c)
{
	u64 top = 0;

	for (unsigned i = 0; i < bootinfo.nram; i++)
		top = MAX(top, bootinfo.ram[i].base + bootinfo.ram[i].len);
	if (c->dev->domain->fixed) {
		pr_warn("dma: %s: nobody translates for it: it reaches all memory", c->dev->name);
		top = 1UL << 52; /* there are no other windows */
	}
	return iova_reserve(&c->iova, 0, top);
}

const struct dma_strategy dma_identity = {.name = "identity",
	.map = identity_map,
	.unmap = identity_unmap,
	.start = identity_start,
	.forget = dma_cache_forget};
