/*
 * DMA, as drivers see it. A driver never asks whether there is an IOMMU or a VMM: it maps memory,
 * gets bus addresses (IOVA), gives them to its device, and unmaps.
 *
 * The mode decides who translates: direct (nobody; IOVA = physical address), iommu (tables that
 * we own), coop (the VMM, by hypercall). The strategy decides when mappings come and go.
 */
#ifndef HAL_DMA_H
#define HAL_DMA_H

#include "hal/device.h"
#include "kernel/sg.h"

/* Seen from the device: TO_DEVICE memory is not writable by it, FROM_DEVICE not readable. */
enum dma_dir { DMA_TO_DEVICE = 1, DMA_FROM_DEVICE = 2, DMA_BIDIRECTIONAL = 3 };

/* One piece as the device sees it. */
struct dma_seg {
	iova_t iova;
	size_t len; /* bytes */
};

struct dma_limits {
	unsigned max_segs; /* most segments that the device can take; 0: as many as pages */
	size_t seg_max;    /* longest segment, bytes; 0: no limit */
};

/*
 * A place to map into: a reserved window of IOVA and room for the segments. Made once, used
 * again and again; map and unmap allocate nothing.
 */
struct dma_map {
	struct device *dev;
	struct dma_limits limits;
	iova_t window;
	u32 window_pages;
	u32 pages; /* mapped now; 0: unmapped */
	enum dma_dir dir;
	unsigned nseg;
	struct dma_seg *seg;
};

/* Starts the IOMMUs and decides the mode; after platform_init(), before any driver. */
void dma_init(void);

/* Gives a device its (empty) domain; before that it is blocked, unless in direct mode. */
int dma_attach(struct device *dev);
/* The device's last user has gone: blocked again. Nothing may be mapped. */
void dma_detach(struct device *dev);

/* Room for max bytes at once. May sleep. -ENOMEM. */
int dma_map_create(
	struct device *dev, const struct dma_limits *limits, size_t max, struct dma_map *map);
void dma_map_destroy(struct dma_map *map);

/*
 * Maps; map->seg[0 … nseg-1] are the bus addresses. -EPERM if the VMM denies it, -ERANGE if the
 * device cannot reach the memory, -EINVAL if it does not fit the window or the limits, -EBUSY if
 * the map is in use. A failed map leaves nothing mapped.
 */
int dma_map(struct dma_map *map, void *va, size_t len, enum dma_dir dir);
int dma_map_sg(struct dma_map *map, const struct sg *sg, unsigned n, enum dma_dir dir);
/* Strategy strict: on return the device cannot reach the memory. */
void dma_unmap(struct dma_map *map);

/* Zeroed memory that stays mapped both ways: rings and queues. NULL if it cannot be had. */
void *dma_alloc(struct device *dev, size_t len, iova_t *iova);
void dma_free(struct device *dev, void *va, size_t len, iova_t iova);

#endif
