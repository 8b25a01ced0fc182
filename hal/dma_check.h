/*
 * The DMA checker, part of the test build alone, and on there unless dma_check=0. It finds
 * drivers that break the contract of hal/dma.h, and says with file and line where. It sees:
 *
 *   unmap and commit of what is not mapped, and use of a map that has failed;
 *   unmap of what was never committed (strategy batched would not have mapped it);
 *   dma_free() of what dma_alloc() did not give, or with another device, size or bus address;
 *   a direction that is none; a buffer in a stack, in code or constants, in free memory or in no
 *   RAM at all;
 *   buffers that overlap while one device or CPU writes what the other uses;
 *   memory that is freed while it is a device's;
 *   a buffer mapped to the device that is not the same at unmap: the CPU has written it;
 *   a CPU that reads or writes a whole page while it is mapped from the device;
 *   what a driver leaves behind.
 *
 * Such a page leaves the direct map meanwhile, and who touches it has a page fault; another CPU
 * than the one that mapped it may not, for as long as its TLB knows the page. Parts of pages go
 * unseen, but with strategy=bounce: there the device writes a copy, so that whatever changes the
 * buffer is the CPU. The checker cannot see a wrong direction, size or device at unmap: unmap takes
 * the map alone.
 */
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
