/*
 * static: all of memory is mapped when the device takes the strategy up, and stays so. A bus
 * address is the physical address and a constant. In a guest this pins every page that it has.
 *
 * Cost: none per buffer.
 * Protection: against what is not this kernel's memory at all: the VMM's, and other guests'. The
 * baseline that device assignment has without a guest that cooperates.
 * Paper: Willmann, Rixner and Cox (USENIX ATC 2008), there called direct mapping.
 */
#include "hal/strategy.h"
#include "kernel/bootinfo.h"

static int
static_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	return dma_map_one_in_place(map, sg, n, DMA_STATIC_BASE);
}

static void
static_unmap(struct dma_map *map)
{
}

/* Takes out the first n ranges of RAM. */
static void
remove(struct dma_client *c, unsigned n)
{
	while (n--)
		iommu_unmap(c->dev->domain, (iova_t){DMA_STATIC_BASE + bootinfo.ram[n].base},
			bootinfo.ram[n].len / PAGE_SIZE, true);
}

static int
static_start(struct dma_client *c)
{
	int err = 0;

	for (unsigned i = 0; i < bootinfo.nram && !err; i++) {
		const struct memrange *r = &bootinfo.ram[i]; /* of whole pages */

		err = iommu_map(c->dev->domain, (iova_t){DMA_STATIC_BASE + r->base}, r->base,
			r->len / PAGE_SIZE, DMA_BIDIRECTIONAL);
		if (err)
			remove(c, i);
	}
	return err;
}

static void
static_stop(struct dma_client *c)
{
	remove(c, bootinfo.nram);
}

const struct dma_strategy dma_static = {.name = "static",
	.map = static_map,
	.unmap = static_unmap,
	.start = static_start,
	.stop = static_stop};
