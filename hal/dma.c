/* The DMA layer's maps and rings: written once for all modes and strategies. */
#include "hal/dma_check.h"
#include "hal/strategy.h"
#include "kernel/kalloc.h"

/* Seen from the device: it reads what goes to it. */
_Static_assert((int)DMA_TO_DEVICE == (int)IOMMU_READ, "directions");
_Static_assert((int)DMA_FROM_DEVICE == (int)IOMMU_WRITE, "directions");

void
dma_map_forget(struct dma_map *map)
{
	if (map->dev->strategy->forget)
		map->dev->strategy->forget(map);
	if (map->bounce)
		dma_bounce.forget(map);
	if (map->window.npages)
		dma_window_release(map->dev->client, &map->window);
}

int
dma_map_create_at(struct device *dev, const struct dma_limits *limits, size_t max,
	struct dma_map *map, const char *where)
{
	*map = (struct dma_map){.dev = dev, .limits = *limits, .max = max, .created = where};
	map->plain = !limits->seg_max && !limits->boundary && !limits->align;
	map->window_pages = DIV_UP(max, PAGE_SIZE) + 1; /* a buffer may begin within a page */
	if (!map->limits.max_segs)
		map->limits.max_segs = map->window_pages;
	if (!(map->seg = kmalloc(map->limits.max_segs * sizeof(*map->seg))))
		return -ENOMEM;
	mutex_lock(&dev->client->mutex);
	spin_lock(&dev->client->lock);
	dma_map_set(map);
	list_add_tail(&dev->client->maps, &map->link);
	spin_unlock(&dev->client->lock);
	mutex_unlock(&dev->client->mutex);
	return 0;
}

void
dma_map_destroy_at(struct dma_map *map, const char *where)
{
	struct dma_client *c = map->dev ? map->dev->client : NULL;

	if (!map->seg)
		return;
	if (map->in_use)
		panic("dma: %s: destroyed at %s while mapped at %s", map->dev->name, where,
			map->where);
	mutex_lock(&c->mutex);
	dma_map_forget(map);
	spin_lock(&c->lock);
	list_remove(&map->link);
	c->maps_gone += map->maps;
	c->exposure.pages += map->exposure.pages;
	c->exposure.time += map->exposure.time;
	spin_unlock(&c->lock);
	mutex_unlock(&c->mutex);
	kfree(map->seg);
	map->seg = NULL;
}

int
dma_add_cut(struct dma_map *map, u64 at, size_t len)
{
	/* LAB 2: step 4: as few segments as the limits allow. */
	const struct dma_limits *l = &map->limits;

	if (l->align && at & (l->align - 1))
		return -EINVAL;
	while (len) {
		size_t n = len;

		if (l->seg_max)
			n = MIN(n, l->seg_max);
		if (l->boundary)
			n = MIN(n, l->boundary - (at & (l->boundary - 1)));
		if (map->nseg == l->max_segs)
			return -EINVAL;
		map->seg[map->nseg++] = (struct dma_seg){{at}, n};
		at += n;
		len -= n;
	}
	return 0;
	/* LAB 2 ELSE
	return -ENOSYS;
	LAB 2 END */
}

int
dma_map_in_place(struct dma_map *map, const struct sg *sg, unsigned n, u64 base)
{
	/* LAB 2: step 3: one piece after the other, where the device finds it. */
	int err = 0;

	for (; n && !err; n--, sg++) {
		u64 at = base + virt_to_phys(sg->va);

		if (!sg->len)
			return -EINVAL;
		if (!dma_reaches(map, at, sg->len))
			return -ERANGE;
		map->pages += sg_pages(sg);
		err = dma_add_seg(map, at, sg->len);
	}
	return err;
	/* LAB 2 ELSE
	return -ENOSYS;
	LAB 2 END */
}

/* Says who unmaps the map: `bounce`, or its strategy. */
static void
set_bounced(struct dma_map *map, bool bounced)
{
	spin_lock(&map->dev->client->lock);
	map->bounced = bounced;
	dma_map_set(map);
	spin_unlock(&map->dev->client->lock);
}

void
dma_unmap_bounced(struct dma_map *map)
{
	dma_bounce.unmap(map);
	set_bounced(map, false);
}

int
dma_map_failed(struct dma_map *map, const struct sg *sg, unsigned n, int err)
{
	if (err == -EBUSY) /* another took the map while this one waited for a strategy */
		return err;
	if (map->pages)
		map->dev->strategy->unmap(map);
	map->nseg = map->pages = 0;
	if ((err == -ERANGE || err == -EINVAL) && map->dev->strategy != &dma_bounce) {
		set_bounced(map, true);
		if (!(err = dma_bounce.map(map, sg, n))) {
			map->maps++;
			return 0;
		}
		set_bounced(map, false);
		map->nseg = map->pages = 0;
	}
	if (dma_check_on)
		dma_check_failed(map);
	map->dev->client->errors++;
	__atomic_store_n(&map->in_use, false, __ATOMIC_RELEASE);
	return err;
}

RARE int
dma_map_sg_traced(
	struct dma_map *map, const struct sg *sg, unsigned n, enum dma_dir dir, const char *where)
{
	size_t len = 0;
	int err;

	for (unsigned i = 0; i < n; i++)
		len += sg[i].len;
	trace_dma_map_sg(map->dev->rid, dir, (u64)sg->va, len);
	err = dma_map_sg_at(map, sg, n, dir, where);
	trace_dma_map_done(map->dev->rid, err, err ? 0 : map->seg[0].iova.v, map->pages);
	return err;
}

RARE void
dma_unmap_traced(struct dma_map *map, const char *where)
{
	trace_dma_unmap_sg(map->dev->rid, map->pages, map->nseg ? map->seg[0].iova.v : 0, 0);
	dma_unmap_at(map, where);
	trace_dma_unmap_done(map->dev->rid, 0, 0, 0);
}

bool
dma_unmap_unusual(struct dma_map *map, const char *where)
{
	if (dma_check_on)
		return dma_check_unmap(map, where);
	pr_err("dma: %s: unmap at %s of what is not mapped; last mapped at %s", map->dev->name,
		where, map->where ? map->where : "no time");
	return false;
}

static unsigned
order_of(size_t len)
{
	return len > PAGE_SIZE ? 64 - __builtin_clzl((len - 1) >> PAGE_SHIFT) : 0;
}

int
dma_place(struct device *dev, paddr_t pa, u32 npages, unsigned perm, iova_t *iova)
{
	int err = -ENOMEM;

	if (dev->strategy == &dma_identity) {
		err = iommu_place(dev->domain, pa, npages, perm, iova);
		if (!err && iova->v + (u64)npages * PAGE_SIZE - 1 > dev->dma_mask) {
			iommu_unmap(dev->domain, *iova, npages, true);
			err = -ERANGE;
		}
		if (!err || dev->domain->fixed)
			return err;
	}
	if (iova_alloc(&dev->client->iova, npages, iova))
		return err; /* of identity: why it is not in its place, which may be bounced */
	if ((err = iommu_map(dev->domain, *iova, pa, npages, perm)))
		iova_release(&dev->client->iova, *iova, npages);
	return err;
}

/* The ring of dma_alloc(). */
static void *
ring_alloc(struct device *dev, size_t len, iova_t *iova)
{
	unsigned order = order_of(len);
	u32 pages = 1u << order;
	paddr_t pa = 0;
	int err;

	if (order <= MAX_ORDER) /* in direct mode it must lie where the device reaches it */
		pa = dev->domain && dev->strategy != &dma_identity
			     ? frame_alloc(order, FRAME_DMA)
			     : frame_alloc_below(dev->dma_mask, order, FRAME_DMA);
	if (!pa)
		return NULL;
	/* No strategy: a ring stays mapped as long as its driver lives. */
	memset(phys_to_virt(pa), 0, PAGE_SIZE << order);
	iova->v = pa;
	if (!dev->domain)
		return phys_to_virt(pa);
	if ((err = dma_place(dev, pa, pages, DMA_BIDIRECTIONAL, iova))) {
		pr_err("dma: %s: cannot map %u pages for a ring: %s", dev->name, pages,
			strerror(err));
		frame_free(pa, order, FRAME_DMA);
		return NULL;
	}
	return phys_to_virt(pa);
}

static void
ring_free(struct device *dev, void *va, size_t len, iova_t iova)
{
	unsigned order = order_of(len);

	if (dev->domain) {
		int err = iommu_unmap(dev->domain, iova, 1u << order, true);

		if (err) { /* perhaps the device still reaches it: better lost than shared */
			pr_err("dma: %s: unmap of a ring: %s", dev->name, strerror(err));
			return;
		}
		iova_release(&dev->client->iova, iova, 1u << order);
	}
	frame_free(virt_to_phys(va), order, FRAME_DMA);
}

void *
dma_alloc_at(struct device *dev, size_t len, iova_t *iova, const char *where)
{
	void *va = ring_alloc(dev, len, iova);

	if (va && dma_check_on && !dma_check_alloc(dev, va, len, iova, where)) {
		ring_free(dev, va, len, *iova);
		va = NULL;
	}
	return va;
}

void
dma_free_at(struct device *dev, void *va, size_t len, iova_t iova, const char *where)
{
	if (va && (!dma_check_on || dma_check_free(&dev, va, &len, &iova, where)))
		ring_free(dev, va, len, iova);
}
