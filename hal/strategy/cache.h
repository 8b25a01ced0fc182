/* Mappings that outlive their use, for the strategies that keep them (strategy/cache.c). */
#ifndef HAL_STRATEGY_CACHE_H
#define HAL_STRATEGY_CACHE_H

#include "hal/strategy.h"

/* The strategies' map and unmap: each piece is found, or entered; and left there. */
int dma_cache_map(struct dma_map *map, const struct sg *sg, unsigned n);
void dma_cache_unmap(struct dma_map *map);
void dma_cache_forget(struct dma_map *map);

/* Whether to take out a mapping that nobody uses; asked of each one by dma_cache_trim(). */
typedef bool (*dma_cache_test)(const struct dma_client *c, const struct dma_cached *e, u64 tsc);
/* Takes out what the test says, with one invalidation for all. Returns how many are left. */
u64 dma_cache_trim(struct dma_client *c, dma_cache_test test);

/* A strategy leaves the cache, empty. */
void dma_cache_stop(struct dma_client *c);

#endif
