/*
 * bounce: the device only ever sees buffers of the HAL's, one for each map, which stay mapped; the
 * data is copied. Every other strategy falls back to it for a buffer that the device cannot take:
 * out of its reach, or against its limits.
 *
 * Cost: a copy; no table, no invalidation, no exit.
 * Protection: below the page. The device never reaches what lies beside a buffer in its page, nor
 * the buffer itself.
 * Paper: Markuze, Morrison and Tsafrir, "True IOMMU Protection from DMA Attacks: When Copy is
 * Faster than Zero Copy" (ASPLOS 2016), there called DMA shadowing.
 */
#include "hal/strategy.h"
#include "kernel/kalloc.h"

struct dma_bounce {
	char *va;
	iova_t iova;
	unsigned n, room;
	struct sg sg[]; /* what is mapped: to copy back */
};

static void
bounce_forget(struct dma_map *map)
{
	if (!map->bounce)
		return;
	dma_free(map->dev, map->bounce->va, map->max, map->bounce->iova);
	kfree(map->bounce);
	map->bounce = NULL;
}

static int
make(struct dma_map *map, unsigned n)
{
	/* LAB 2: step 5: a buffer for all that the map may hold, and a list for its n pieces. */
	unsigned room = MAX(n, map->window_pages);
	struct dma_bounce *b = kmalloc(sizeof(*b) + room * sizeof(b->sg[0]));

	if (!b)
		return -ENOMEM;
	b->room = room;
	b->va = dma_alloc(map->dev, map->max, &b->iova);
	map->bounce = b;
	if (!b->va)
		bounce_forget(map);
	return map->bounce ? 0 : -ENOMEM;
	/* LAB 2 ELSE
	return -ENOSYS;
	LAB 2 END */
}

static int
bounce_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	/* LAB 2: step 6: the pieces into the buffer; one segment; count pages and bytes. */
	size_t at = 0;
	int err = 0;

	if (map->bounce && n > map->bounce->room)
		bounce_forget(map);
	if (!map->bounce && (err = make(map, n)))
		return err;
	map->bounce->n = n;
	for (unsigned i = 0; i < n; at += sg[i++].len) {
		if (!sg[i].len || sg[i].len > map->max - at)
			return -EINVAL;
		/* Also if the device is to write: it may write less, and what is there is
		 * another's. */
		memcpy(map->bounce->va + at, sg[i].va, sg[i].len);
		map->bounce->sg[i] = sg[i];
	}
	if (!at)
		return -EINVAL;
	if ((err = dma_add_seg(map, map->bounce->iova.v, at)))
		return err;
	map->pages = DIV_UP(at, PAGE_SIZE);
	map->dev->client->copied += at;
	return 0;
	/* LAB 2 ELSE
	return make(map, n);
	LAB 2 END */
}

static void
bounce_unmap(struct dma_map *map)
{
	/* LAB 2: step 7: what the device may have written goes where it belongs. */
	struct dma_bounce *b = map->bounce;
	size_t at = 0;

	if (!(map->dir & DMA_FROM_DEVICE))
		return;
	for (unsigned i = 0; i < b->n; at += b->sg[i++].len)
		memcpy(b->sg[i].va, b->va + at, b->sg[i].len);
	map->dev->client->copied += at;
	/* LAB 2 ELSE
	LAB 2 END */
}

const struct dma_strategy dma_bounce = {
	.name = "bounce", .map = bounce_map, .unmap = bounce_unmap, .forget = bounce_forget};
