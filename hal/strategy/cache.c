/*
 * A cache of mappings, found again by their key. Entries are never freed while
 * the device is attached, only used for something else; so they may be looked for without a lock:
 * a use is counted first, and then the entry looked at again.
 */
#include "hal/strategy.h"
#include "kernel/kalloc.h"

#define SPARE (-1) /* uses of an entry that maps nothing */

/* What a mapping is found by: page, length and permission in one word. */
#define MAX_PAGES 4095
static u64
key_of(paddr_t page, u32 npages, enum dma_dir dir)
{
	return page | (u64)npages << 52 | dir;
}

static u32
key_pages(u64 key)
{
	return key >> 52;
}

/* Counts one more use of an entry; false if it is not, or no more, for that key. No lock. */
static inline bool
use(struct dma_map *map, struct dma_cached *e, u64 key)
{
	int uses = READ_ONCE(e->uses);

	if (READ_ONCE(e->key) != key)
		return false;
	do {
		if (uses == SPARE)
			return false;
	} while (!__atomic_compare_exchange_n(
		&e->uses, &uses, uses + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	if (READ_ONCE(e->key) != key) { /* it became another between look and count */
		__atomic_sub_fetch(&e->uses, 1, __ATOMIC_RELEASE);
		return false;
	}
	if (uses == 0)
		dma_expose(&map->exposure, -(s64)key_pages(key));
	return true;
}

/* A cached mapping with one more use; NULL. No lock. */
static struct dma_cached *
find(struct dma_map *map, u64 key)
{
	struct dma_cached *e = READ_ONCE(*dma_cache_bucket(map->dev->client, key));

	while (e && !use(map, e, key))
		e = READ_ONCE(e->next);
	return e;
}

/* Takes an entry out of cache and table, if nobody uses it. Not yet invalidated. Locked. */
static bool
take_out(struct dma_client *c, struct dma_cached *e)
{
	struct dma_cached **p = dma_cache_bucket(c, e->key);
	int unused = 0;

	if (!__atomic_compare_exchange_n(
		    &e->uses, &unused, SPARE, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	while (*p != e)
		p = &(*p)->next;
	WRITE_ONCE(*p, e->next);
	list_remove(&e->link);
	c->cache.pages -= key_pages(e->key);
	c->cache.evictions++;
	iommu_unmap(c->dev->domain, e->iova, key_pages(e->key), false);
	return true;
}

/* Invalidates what a list of entries mapped, and makes them spare. Locked. */
static void
flush(struct dma_client *c, struct dma_cached *dead)
{
	if (dead)
		iommu_sync(c->dev->domain);
	while (dead) {
		struct dma_cached *e = dead;

		dead = e->next;
		iova_release(&c->iova, e->iova, key_pages(e->key));
		dma_expose(&c->exposure, -(s64)key_pages(e->key));
		e->next = c->cache.spare;
		c->cache.spare = e;
	}
}

u64
dma_cache_trim(struct dma_client *c, dma_cache_test test)
{
	struct dma_cached *dead = NULL;
	u64 left = 0, now = rdtsc();

	list_for_each (it, &c->cache.all) {
		struct dma_cached *e = list_entry(it, struct dma_cached, link);
		if (READ_ONCE(e->uses) == 0 && (!test || test(c, e, now)) && take_out(c, e)) {
			e->next = dead;
			dead = e;
		} else {
			left++;
		}
	}
	flush(c, dead);
	return left;
}

/*
 * Makes room by one: of the next few mappings in turn the one that was used longest ago. That is
 * nearly the least recently used of all, for a constant price. False if all of them are in use; if
 * there `must` be room, only if all there are.
 */
static bool
evict(struct dma_client *c, bool must)
{
	/* LAB 11: step 4: of the next 16 the one not in use whose used_at is oldest. */
	struct list *first = c->cache.all.next;
	struct dma_cached *oldest = NULL;
	int seen = 0;

	if (list_empty(&c->cache.all))
		return false;
	do {
		struct list *it = c->cache.all.next;
		struct dma_cached *e = list_entry(it, struct dma_cached, link);

		list_remove(it);
		list_add_tail(&c->cache.all, it);
		if (READ_ONCE(e->uses) == 0 && (!oldest || e->used_at < oldest->used_at))
			oldest = e;
	} while (c->cache.all.next != first && (++seen < 16 || (must && !oldest)));
	if (!oldest || !take_out(c, oldest))
		return false;
	oldest->next = NULL;
	flush(c, oldest);
	return true;
	/* LAB 11 ELSE
	return false;
	LAB 11 END */
}

/* Enters a mapping, used once. Others may go for it: quota, the VMM's too. Locked. */
static int
enter(struct dma_client *c, paddr_t pa, u64 key, u32 perm, struct dma_cached **out)
{
	struct dma_cached *e = c->cache.spare;
	u32 npages = key_pages(key);
	int err;

	if (e)
		c->cache.spare = e->next;
	else if (!(e = kmalloc(sizeof(*e))))
		return -ENOMEM;
	/* What is used now is never refused: then the cache is over its quota for a while. */
	while (c->cache.pages + npages > c->cache.quota && evict(c, false))
		;
	if (!(err = iova_alloc(&c->iova, npages, &e->iova))) {
		do
			err = iommu_map(c->dev->domain, e->iova, pa, npages, perm);
		while ((err == -EDQUOT || err == -ENOMEM) && evict(c, true));
		if (err)
			iova_release(&c->iova, e->iova, npages);
	}
	e->uses = SPARE;
	if (err) {
		e->next = c->cache.spare;
		c->cache.spare = e;
		return err;
	}
	e->key = key;
	e->next = *dma_cache_bucket(c, key);
	__atomic_store_n(&e->uses, 1, __ATOMIC_RELEASE);
	__atomic_store_n(dma_cache_bucket(c, key), e, __ATOMIC_RELEASE);
	list_add_tail(&c->cache.all, &e->link);
	c->cache.pages += npages;
	*out = e;
	return 0;
}

/* Finds or enters a mapping, and puts it into *out. */
static int
get(struct dma_map *map, paddr_t page, u64 key, struct dma_cached **out)
{
	struct dma_client *c = map->dev->client;
	int err = 0;

	if ((*out = find(map, key)))
		return 0;
	spin_lock(&c->lock);
	if (!(*out = find(map, key))) {
		c->cache.misses++;
		err = enter(c, page, key, map->dir, out);
	}
	spin_unlock(&c->lock);
	return err;
}

void
dma_cache_unmap(struct dma_map *map)
{
	struct dma_cached **p = map->cached;
	u64 now = rdtsc();

	for (u32 left = map->pages; left; p++) {
		struct dma_cached *e = *p;
		u32 npages = key_pages(e->key);

		left -= npages;
		e->used_at = now;
		if (__atomic_sub_fetch(&e->uses, 1, __ATOMIC_RELEASE) == 0) /* no other map's */
			dma_expose_at(&map->exposure, npages, now);
	}
}

/* Finds or enters the pieces. Apart: what calls no function saves no registers. */
static __attribute__((noinline)) int
map_all(struct dma_map *map, const struct sg *sg, unsigned n)
{
	struct dma_cached **at = map->cached;
	int err = 0;

	if (!at && !(at = map->cached = kmalloc(map->window_pages * sizeof(*at))))
		return -ENOMEM;
	for (; n && !err; n--, sg++, at++) {
		paddr_t pa = virt_to_phys(sg->va), page = ROUND_DOWN(pa, PAGE_SIZE);
		u32 npages = sg_pages(sg);
		u64 key = key_of(page, npages, map->dir);

		if (!sg->len || npages > MAX_PAGES || map->pages + npages > map->window_pages) {
			err = -EINVAL;
			break;
		}
		/* Most often it is what was mapped here last time. */
		if (!(*at && use(map, *at, key)) && (err = get(map, page, key, at)))
			break;
		map->pages += npages;
		err = dma_add_seg(map, (*at)->iova.v + (pa - page), sg->len);
	}
	return err;
}

int
dma_cache_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	struct dma_cached *e = map->cached ? map->cached[0] : NULL;
	u64 offset = (u64)sg->va & PAGE_MASK;

	/* Most often it is one piece, and what was mapped here last time. */
	if (n != 1 || !map->plain || !e || (u64)sg->va >= IOMAP_BASE ||
		sg->len - 1 >= (MAX_PAGES - 1) * PAGE_SIZE ||
		!use(map, e, key_of((u64)sg->va - DIRECT_BASE - offset, sg_pages(sg), map->dir)))
		return map_all(map, sg, n);
	map->pages = key_pages(e->key);
	map->seg[0] = (struct dma_seg){{e->iova.v + offset}, sg->len};
	map->nseg = 1;
	return 0;
}

void
dma_cache_forget(struct dma_map *map)
{
	kfree(map->cached);
	map->cached = NULL;
}

void
dma_cache_stop(struct dma_client *c)
{
	spin_lock(&c->lock);
	if (dma_cache_trim(c, NULL))
		pr_err("dma: %s: cached mappings are still used", c->dev->name);
	while (c->cache.spare) {
		struct dma_cached *e = c->cache.spare;
		c->cache.spare = e->next;
		kfree(e);
	}
	spin_unlock(&c->lock);
}
