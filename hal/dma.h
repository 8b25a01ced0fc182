/*
 * DMA, as drivers see it. A driver never asks whether there is an IOMMU or a VMM: it maps memory,
 * gets bus addresses (IOVA), gives them to its device, and unmaps.
 *
 * The mode decides who translates: direct (nobody; IOVA = physical address), iommu (tables that
 * we own), coop (the VMM, by hypercall). The strategy decides when mappings come and go.
 */
#pragma once

#include "hal/device.h"
#include "lib/abi.h"
#include "kernel/lib.h"
#include "kernel/trace.h"

/* Seen from the device: TO_DEVICE memory is not writable by it, FROM_DEVICE not readable. */
enum dma_dir { DMA_TO_DEVICE = 1, DMA_FROM_DEVICE = 2, DMA_BIDIRECTIONAL = 3 };

/* One piece as the device sees it. */
struct dma_seg {
	iova_t iova;
	size_t len; /* bytes */
};

/* What the device can take; 0: no limit. What does not fit goes through a buffer that does. */
struct dma_limits {
	unsigned max_segs; /* segments; 0: as many as pages */
	size_t seg_max;    /* bytes of a segment */
	u64 boundary;      /* no segment crosses a multiple of it; a power of 2 */
	u64 align;         /* a segment begins at a multiple of it; a power of 2 */
};

/*
 * Pages that a device reaches although they are unmapped: `pages` now; and `time`, in pages times
 * TSC ticks modulo 2^64, less the time of begin and plus the time of end of each. So time + pages *
 * now is how much there has been.
 */
struct dma_exposure {
	u64 pages, time;
};

/*
 * A place to map into. Made once, used again and again by one thread at a time; map and unmap
 * allocate nothing once they are warm.
 */
struct dma_map {
	struct device *dev;
	struct dma_limits limits;
	enum dma_dir dir;
	bool in_use; /* from map to unmap */
	u32 pages;   /* mapped now */
	unsigned nseg;
	struct dma_seg *seg;

	/* The device's strategy's, or the checker's; `map` may be to wait for a new one. */
	int (*map)(struct dma_map *map, const struct sg *sg, unsigned n);
	void (*unmap)(struct dma_map *map);
	int (*commit)(struct dma_map *map); /* may be NULL */

	size_t max; /* bytes */
	struct iommu_window window;
	u32 window_pages; /* of a window of this map's, whether it has one or not */
	int error;        /* of a map that was put off to the commit */
	bool bounced;     /* mapped by `bounce`, whatever the strategy */
	struct dma_cached **cached;
	struct dma_bounce *bounce;

	struct list link; /* of the device's maps */
	u64 maps;         /* how often */
	bool plain;       /* the limits are on the number of segments alone */
	struct dma_exposure exposure;
	const char *where; /* of the last map, as file:line */

	/* The checker's (dma_check.c). */
	struct dma_held *held;
	const char *created, *unmapped; /* where, too */
	bool failed;                    /* the last map */
};

/* Starts the IOMMUs and decides the mode; after platform_init(), before any driver. */
void dma_init(void);

/* The strategy of that name; NULL. */
const struct dma_strategy *dma_strategy_named(const char *name);
/*
 * Has a device use another strategy from now on. Sleeps until it has nothing mapped; -EBUSY if that
 * takes too long, -ENODEV in direct mode, or what the strategy cannot get.
 */
int dma_set_strategy(struct device *dev, const struct dma_strategy *s);

/* Gives a device its (empty) domain; before that it is blocked, unless in direct mode. */
int dma_attach(struct device *dev);
/*
 * Its driver is about to go, or stays after all: keeps the commands of /dev/dma from the device.
 * -EBUSY if one is under way. Before dma_detach().
 */
int dma_set_leaving(struct device *dev, bool leaving);
/* The device's last user has gone: blocked again. Nothing may be mapped. */
void dma_detach(struct device *dev);

/* Room for max bytes at once. May sleep. -ENOMEM. */
#define dma_map_create(dev, limits, max, map) dma_map_create_at(dev, limits, max, map, DMA_HERE)
#define dma_map_destroy(map)                  dma_map_destroy_at(map, DMA_HERE)

/*
 * Maps; map->seg[0 … nseg-1] are the bus addresses. -EPERM if the VMM denies it, -ERANGE if the
 * device cannot reach the memory, -EINVAL if it does not fit the map or the limits, -EBUSY if
 * the map is in use. A failed map leaves nothing mapped.
 */
#define dma_map(map, va, len, dir) dma_map_sg(map, (&(struct sg){va, len}), 1, dir)
#define dma_map_sg(map, sg, n, dir) \
	dma_look_at(DMA_TRACE(dma_map_sg, dma_map_sg, map, sg, n, dir, DMA_HERE))
/*
 * To be called between map and the first use by the device: one call for many maps. Strategy
 * batched puts maps off until then; the error of this one.
 */
MUST_CHECK static inline int
dma_commit(struct dma_map *map)
{
	return map->commit ? map->commit(map) : 0;
}
/* On return the device cannot reach the memory; other strategies than strict say what they do. */
#define dma_unmap(map) DMA_TRACE(dma_unmap_sg, dma_unmap, map, DMA_HERE)

/* Zeroed memory that stays mapped both ways: rings and queues. NULL if it cannot be had. */
#define dma_alloc(dev, len, iova)    dma_alloc_at(dev, len, iova, DMA_HERE)
#define dma_free(dev, va, len, iova) dma_free_at(dev, va, len, iova, DMA_HERE)

/* The call, and if that is wanted a trace of it. */
#define DMA_TRACE(event, call, ...) \
	(UNLIKELY(trace_on[TRACE_##event]) ? call##_traced(__VA_ARGS__) : call##_at(__VA_ARGS__))
/* A macro has no result that must be looked at; a function has. */
MUST_CHECK static inline int
dma_look_at(int err)
{
	return err;
}
int dma_map_sg_traced(
	struct dma_map *map, const struct sg *sg, unsigned n, enum dma_dir dir, const char *where);
void dma_unmap_traced(struct dma_map *map, const char *where);

/* The caller's place goes along, so that what is wrong can be said with file and line. */
#define DMA_STRING(x)  #x
#define DMA_STRING2(x) DMA_STRING(x)
#define DMA_HERE       __FILE__ ":" DMA_STRING2(__LINE__)
int dma_map_create_at(struct device *dev, const struct dma_limits *limits, size_t max,
	struct dma_map *map, const char *where);
void dma_map_destroy_at(struct dma_map *map, const char *where);
/* What the device cannot take goes through a buffer that it can; else the error stays. */
int dma_map_failed(struct dma_map *map, const struct sg *sg, unsigned n, int err);
/* Before an unmap by a checked driver, or of what is not mapped, which it says; false: leave it. */
bool dma_unmap_unusual(struct dma_map *map, const char *where);
#ifdef DEBUG
extern bool dma_check_on; /* the checker: tests/kernel/dma_check.c */
#else
#define dma_check_on false
#endif

/* Inline: of a map that costs nothing to do, a call is a quarter. */
MUST_CHECK static inline int
dma_map_sg_at(
	struct dma_map *map, const struct sg *sg, unsigned n, enum dma_dir dir, const char *where)
{
	int err;

	if (__atomic_exchange_n(&map->in_use, true, __ATOMIC_SEQ_CST))
		return -EBUSY;
	map->dir = dir;
	map->where = where;
	err = n ? READ_ONCE(map->map)(map, sg, n) : -EINVAL;
	if (UNLIKELY(err))
		return dma_map_failed(map, sg, n, err);
	map->maps++;
	return 0;
}

static inline void
dma_unmap_at(struct dma_map *map, const char *where)
{
	if (UNLIKELY(dma_check_on || !map->in_use) && !dma_unmap_unusual(map, where))
		return;
	map->unmap(map);
	map->nseg = map->pages = 0;
	__atomic_store_n(&map->in_use, false, __ATOMIC_RELEASE);
}

void *dma_alloc_at(struct device *dev, size_t len, iova_t *iova, const char *where);
void dma_free_at(struct device *dev, void *va, size_t len, iova_t iova, const char *where);
