/* The DMA checker of the test build: tests/kernel/dma_check.c, which says what it sees. */
#pragma once

#include "hal/dma.h"
#include "kernel/bootinfo.h"

#ifdef DEBUG
void dma_check_init(void);
#else
/* Who asks for it hears where it is. */
static inline void
dma_check_init(void)
{
	char asked[2];

	if (boot_option("dma_check", asked, sizeof(asked)))
		pr_err("dma_check: only in the test build: make qemu DEBUG=1 B=build/debug");
}
#endif
/* Has the strategy map a buffer; -EFAULT if it must not be. The map's dir and where are set. */
int dma_check_map(struct dma_map *map, const struct sg *sg, unsigned n);
/* The map has failed after all. */
void dma_check_failed(struct dma_map *map);
/* Before an unmap; false if nothing is mapped. */
bool dma_check_unmap(struct dma_map *map, const char *where);
/* Does the commit, too. */
int dma_check_commit(struct dma_map *map);
/* False if there is no memory to remember it. */
bool dma_check_alloc(
	struct device *dev, void *va, size_t len, const iova_t *iova, const char *where);
/* Before a dma_free(). Sets what is wrong right; false if nothing is to be freed. */
bool dma_check_free(struct device **dev, void *va, size_t *len, iova_t *iova, const char *where);
/* The device's driver has gone; forgets what it left. */
void dma_check_detach(struct device *dev);
void dma_check_show(struct text *t);
