/*
 * Strategies: when mappings come and go. One small file each in strategy/, behind this table;
 * drivers see none of it. What a strategy keeps of a device is in struct dma_client, what it keeps
 * of a buffer in struct dma_map.
 */
#pragma once

#include "hal/dma.h"
#include "hal/iommu.h"
#include "hal/iova.h"
#include "lib/abi.h"
#include "kernel/mem.h"
#include "kernel/proc.h"
#include "kernel/x86.h"

struct dma_strategy {
	const char *name;
	/*
	 * Enters the pieces of a buffer, and says by dma_add_seg() where. On an error what
	 * map->pages counts is unmapped again.
	 */
	int (*map)(struct dma_map *map, const struct sg *sg, unsigned n);
	/* Cannot fail for what was mapped. */
	void (*unmap)(struct dma_map *map);
	/* The rest may be NULL. What was put off is done; the error of this map. */
	int (*commit)(struct dma_map *map);
	/* The device takes the strategy up, and leaves it; with nothing mapped. */
	int (*start)(struct dma_client *c);
	void (*stop)(struct dma_client *c);
	/* The map goes, or takes another strategy: gives back what it holds. */
	void (*forget)(struct dma_map *map);
	/* Every DMA_TICK_MS while the client's `pending` is set. */
	void (*tick)(struct dma_client *c, u64 now_ns);
	u64 quota; /* those with a cache: the most pages in it */
};

/* X(name): the list that makes declarations and the table. `direct` is not chosen: direct.c. */
#define DMA_STRATEGIES(X) \
	X(strict)         \
	X(deferred)       \
	X(persistent) X(optimistic) X(ondemand) X(bounce) X(static) X(batched) X(identity)
#define X(name) extern const struct dma_strategy dma_##name;
DMA_STRATEGIES(X)
#undef X
extern const struct dma_strategy dma_direct;

#define DMA_STATIC_BASE (1UL << 37) /* bus addresses from here on are strategy static's */
#define DMA_TICK_MS     2
#define DMA_DEFERRED    250 /* unmaps of one invalidation */
#define DMA_BATCH       64  /* requests of one batch */

/* A mapping that outlives its use (strategy/cache.c). */
struct dma_cached {
	struct dma_cached *next; /* in its bucket, or among the spare */
	u64 key;                 /* physical page, number of pages, permission */
	iova_t iova;
	int uses; /* maps that use it now; -1: spare */
	u64 used_at;
	struct list link; /* of all that are mapped */
};
#define DMA_CACHE_BUCKETS 1024

/* What the DMA layer keeps of an attached device. */
struct dma_client {
	struct list link;
	struct device *dev;
	struct mutex mutex;   /* held while maps come and go, or the strategy */
	unsigned users;       /* commands of /dev/dma under way; under the list's lock */
	bool leaving;         /* its driver goes: no more of them; the same */
	struct spinlock lock; /* over what follows */
	struct list maps;
	struct iova_space iova; /* has its own */
	bool pending;           /* something waits for a tick */
	bool switching;         /* to another strategy: maps have to wait */

	/* deferred: windows unmapped but not yet invalidated, and windows to be used again. */
	struct iommu_window deferred[DMA_DEFERRED], spare[DMA_DEFERRED];
	u64 deferred_pages; /* that were mapped in them */
	unsigned ndeferred, nspare;
	u64 deferred_since; /* ns */

	struct { /* persistent, optimistic, ondemand; identity: the buckets */
		struct dma_cached *bucket[DMA_CACHE_BUCKETS], *spare;
		struct list all;       /* the oldest first */
		u64 pages, quota;      /* mapped, and the most that may be */
		u64 misses, evictions; /* hits: the rest of the maps */
	} cache;

	struct iommu_request batch[DMA_BATCH];
	struct dma_map *batch_map[DMA_BATCH]; /* whose they are */
	unsigned nbatch;

	/* Counters; those of maps that are gone included. */
	u64 maps_gone, copied, errors;
	u64 commits; /* the checker's */
	struct dma_exposure exposure;
};

/* What has happened, each counted at the one place where it happens. */
struct dma_counts {
	u32 live;
	u64 maps, errors, copied, exposed, exposed_us; /* bytes; pages; pages times microseconds */
	u64 invalidations, peak;                       /* peak: pages that the device reached */
};
void dma_count(struct dma_client *c, struct dma_counts *n);

/* The attached device of that name ("00:04.0"), which stays so until it is put back; NULL. */
struct device *dma_device_get(const char *name);
void dma_device_put(struct device *dev);

/*
 * Tells a map which functions are its device's strategy's now; maps wait while that changes. Also
 * of a map in use, whose unmap is the same again then. client->lock held.
 */
void dma_map_set(struct dma_map *map);
/* The unmap of what was bounced, whatever the strategy. */
void dma_unmap_bounced(struct dma_map *map);
/* Lets a map's window go, and what its strategy keeps in it. Unmapped. */
void dma_map_forget(struct dma_map *map);
/* The pieces where they are: the bus address is `base` and the physical address. */
int dma_map_in_place(struct dma_map *map, const struct sg *sg, unsigned n, u64 base);
/* Appends to the segments what may have to be cut; -EINVAL if the limits are reached. */
int dma_add_cut(struct dma_map *map, u64 at, size_t len);
/* Maps into the map's window, page by page. */
int dma_window_map(struct dma_map *map, const struct sg *sg, unsigned n);
/* Sees to it that the map has a window of its own. */
int dma_window_open(struct dma_map *map);
void dma_window_release(struct dma_client *c, struct iommu_window *w);
/* Maps at any address; in strategy identity where the memory is (iommu_place()), if that can be. */
int dma_place(struct device *dev, paddr_t pa, u32 npages, unsigned perm, iova_t *iova);
/* Has the tick called until it has found nothing to do. client->lock held. */
void dma_want_tick(struct dma_client *c);

/* Appends to the segments; -EINVAL if the limits are reached. */
static inline int
dma_add_seg(struct dma_map *map, u64 at, size_t len)
{
	struct dma_seg *s = &map->seg[map->nseg];

	if (!map->plain)
		return dma_add_cut(map, at, len);
	if (map->nseg && s[-1].iova.v + s[-1].len == at) { /* joined to the last one */
		s[-1].len += len;
		return 0;
	}
	if (map->nseg == map->limits.max_segs)
		return -EINVAL;
	s->iova.v = at;
	s->len = len;
	map->nseg++;
	return 0;
}

/* n pages more (or less, if negative) that a device reaches although they are unmapped. */
static inline void
dma_expose_at(struct dma_exposure *e, s64 npages, u64 tsc)
{
	e->pages += npages;
	e->time -= npages * tsc;
}

static inline void
dma_expose(struct dma_exposure *e, s64 npages)
{
	dma_expose_at(e, npages, rdtsc());
}

/* Whether the device can put these bus addresses on the bus. */
static inline bool
dma_reaches(const struct dma_map *map, u64 at, size_t len)
{
	/* LAB 2: step 3: the device can emit addresses up to dma_mask. */
	return at + len - 1 <= map->dev->dma_mask;
	/* LAB 2 ELSE
	return false;
	LAB 2 END */
}

/* The pages of a piece. */
static inline u32
sg_pages(const struct sg *sg)
{
	return DIV_UP(((u64)sg->va & PAGE_MASK) + sg->len, PAGE_SIZE);
}

/* The same for the most frequent case, one piece: a function that calls none saves no registers. */
static inline int
dma_map_one_in_place(struct dma_map *map, const struct sg *sg, unsigned n, u64 base)
{
	/* LAB 2: step 3: nothing to do here; look when you are done. */
	u64 at = base + (u64)sg->va - DIRECT_BASE;

	if (n != 1 || !map->plain || !sg->len || (u64)sg->va >= IOMAP_BASE ||
		!dma_reaches(map, at, sg->len))
		return dma_map_in_place(map, sg, n, base);
	map->pages = sg_pages(sg);
	map->seg[0] = (struct dma_seg){{at}, sg->len};
	map->nseg = 1;
	return 0;
	/* LAB 2 ELSE
	return dma_map_in_place(map, sg, n, base);
	LAB 2 END */
}

/*
 * The pieces one behind the other in the map's window, each entered by `enter`. map->pages says how
 * far it came, also on error.
 */
static inline int
dma_window_fill(struct dma_map *map, const struct sg *sg, unsigned n,
	int (*enter)(struct dma_map *map, u32 at, paddr_t pa, u32 npages))
{
	int err = map->window.npages ? 0 : dma_window_open(map);

	for (; n && !err; n--, sg++) {
		paddr_t pa = virt_to_phys(sg->va), page = ROUND_DOWN(pa, PAGE_SIZE);
		u32 npages = sg_pages(sg), at = map->pages;

		if (!sg->len || map->pages + npages > map->window_pages)
			return -EINVAL;
		if ((err = enter(map, at, page, npages)))
			break;
		map->pages += npages;
		err = dma_add_seg(
			map, map->window.iova.v + (u64)at * PAGE_SIZE + (pa - page), sg->len);
	}
	return err;
}

/* The unmap of dma_window_map(), with or without a sync. */
static inline void
dma_window_unmap(struct dma_map *map, bool sync)
{
	int err = iommu_window_unmap(&map->window, map->pages, sync);

	if (UNLIKELY(err))
		pr_err("dma: %s: unmap of iova 0x%lx, %u pages: %s", map->dev->name,
			map->window.iova.v, map->pages, strerror(err));
}

/*
 * strategy/cache.c, mappings that outlive their use: map and unmap find or enter each piece, and
 * leave it there; stop empties the cache.
 */
static inline struct dma_cached **
dma_cache_bucket(struct dma_client *c, u64 key)
{
	return &c->cache.bucket[(key >> PAGE_SHIFT) % DMA_CACHE_BUCKETS];
}
int dma_cache_map(struct dma_map *map, const struct sg *sg, unsigned n);
void dma_cache_unmap(struct dma_map *map);
void dma_cache_forget(struct dma_map *map);
void dma_cache_stop(struct dma_client *c);
/* Whether to take out a mapping that nobody uses; asked of each one by dma_cache_trim(). */
typedef bool (*dma_cache_test)(const struct dma_client *c, const struct dma_cached *e, u64 tsc);
/* Takes out what the test says (NULL: all), with one invalidation. Returns how many are left. */
u64 dma_cache_trim(struct dma_client *c, dma_cache_test test);
