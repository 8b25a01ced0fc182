/* The DMA layer: written once for all modes. Windows, segments, limits; below it an IOMMU or
 * nothing. */
#include "hal/dma.h"
#include "hal/iommu.h"
#include "hal/iova.h"
#include "hal/platform.h"
#include "hal/pv.h"
#include "hal/strategy.h"
#include "kernel/abi.h"
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

/* Seen from the device: it reads what goes to it. */
_Static_assert((int)DMA_TO_DEVICE == (int)IOMMU_READ, "directions");
_Static_assert((int)DMA_FROM_DEVICE == (int)IOMMU_WRITE, "directions");

/* Who translates. */
enum mode { MODE_DIRECT, MODE_IOMMU, MODE_COOP };
static const char *const mode_name[] = {"direct", "iommu", "coop"};
static enum mode mode;

/* What dma.c keeps of each attached device. */
struct dma_client {
	struct list link;
	struct device *dev;
	struct iova_space iova;
	u64 maps, unmaps, errors;
};
static struct list clients = LIST_INIT(clients);
static struct spinlock lock = SPINLOCK_INIT("dma");

void
dma_init(void)
{
	char want[8] = "auto";
	bool direct;

	boot_option("mode", want, sizeof(want));
	direct = strcmp(want, "direct") == 0;
	iommu_init(!direct);
	if (direct)
		mode = MODE_DIRECT;
	else if (pv_present())
		mode = MODE_COOP;
	else
		mode = iommu_hw() ? MODE_IOMMU : MODE_DIRECT;
	if (strcmp(want, "auto") != 0 && strcmp(want, mode_name[mode]) != 0)
		pr_err("dma: mode=%s is not possible here: using %s", want, mode_name[mode]);
	pr_info("dma: mode %s", mode_name[mode]);
}

int
dma_attach(struct device *dev)
{
	struct dma_client *c = kmalloc(sizeof(*c));
	u64 limit = dev->dma_mask;
	int err = 0;

	if (!c)
		return -ENOMEM;
	dev->strategy = &dma_strict;
	if (mode != MODE_DIRECT) {
		const struct iommu_ops *ops = mode == MODE_COOP ? &pv_ops : iommu_hw();

		if (!(err = domain_create(ops, &dev->domain)) &&
			(err = iommu_attach(dev->domain, dev->rid, dev->alias)))
			domain_destroy(dev->domain);
		limit = MIN(limit, ops->reach() - 1);
	}
	if (err) {
		dev->domain = NULL;
		kfree(c);
		return err;
	}
	c->dev = dev;
	dev->client = c;
	iova_init(&c->iova, limit + 1 ? limit + 1 : limit);
	spin_lock(&lock);
	list_add_tail(&clients, &c->link);
	spin_unlock(&lock);
	return 0;
}

void
dma_detach(struct device *dev)
{
	struct dma_client *c = dev->client;

	if (dev->live_maps)
		pr_err("dma: %s: %u mappings left behind", dev->name, dev->live_maps);
	if (dev->domain) {
		iommu_detach(dev->domain);
		domain_destroy(dev->domain);
		dev->domain = NULL;
	}
	spin_lock(&lock);
	list_remove(&c->link);
	spin_unlock(&lock);
	iova_fini(&c->iova);
	kfree(c);
	dev->client = NULL;
}

static void
window_release(struct device *dev, iova_t iova, u32 pages)
{
	spin_lock(&lock);
	iova_release(&dev->client->iova, iova, pages);
	spin_unlock(&lock);
}

/* Whether a window touches what the firmware keeps for the device. */
static bool
is_reserved(const struct device *dev, iova_t iova, u32 pages)
{
	struct iova_range r[16];
	unsigned n = iommu_reserved(dev->rid, r, NELEM(r));

	for (unsigned i = 0; i < n; i++)
		if (iova.v < r[i].end && iova.v + pages * PAGE_SIZE > r[i].start)
			return true;
	return false;
}

/* Takes a window of the device's bus addresses and builds its tables. */
static int
window_alloc(struct device *dev, u32 pages, iova_t *iova)
{
	int err;

	spin_lock(&lock);
	do /* what is reserved is not used again: there is little of it */
		err = iova_alloc(&dev->client->iova, pages, iova);
	while (!err && is_reserved(dev, *iova, pages));
	spin_unlock(&lock);
	if (!err && (err = iommu_reserve(dev->domain, *iova, pages)))
		window_release(dev, *iova, pages);
	return err;
}

int
dma_map_create(struct device *dev, const struct dma_limits *limits, size_t max, struct dma_map *map)
{
	int err = 0;

	*map = (struct dma_map){.dev = dev, .limits = *limits};
	map->window_pages = DIV_UP(max, PAGE_SIZE) + 1; /* a buffer may begin within a page */
	if (!map->limits.max_segs)
		map->limits.max_segs = map->window_pages;
	if (!(map->seg = kmalloc(map->limits.max_segs * sizeof(*map->seg))))
		return -ENOMEM;
	if (dev->domain)
		err = window_alloc(dev, map->window_pages, &map->window);
	if (err) {
		kfree(map->seg);
		map->seg = NULL; /* so that dma_map_destroy() may be called all the same */
	}
	return err;
}

void
dma_map_destroy(struct dma_map *map)
{
	if (!map->seg)
		return;
	ASSERT(!map->pages);
	if (map->dev->domain)
		window_release(map->dev, map->window, map->window_pages);
	kfree(map->seg);
	map->seg = NULL;
}

/* Appends a piece to the segments, joined to the last one where it continues it. */
static int
add_seg(struct dma_map *map, u64 at, size_t len)
{
	struct dma_seg *last = map->nseg ? &map->seg[map->nseg - 1] : NULL;
	size_t seg_max = map->limits.seg_max;

	if (last && last->iova.v + last->len == at && (!seg_max || last->len + len <= seg_max)) {
		last->len += len;
		return 0;
	}
	if (map->nseg == map->limits.max_segs || (seg_max && len > seg_max))
		return -EINVAL;
	map->seg[map->nseg++] = (struct dma_seg){{at}, len};
	return 0;
}

/* One piece: enters its pages in the window behind those that are there. */
static int
map_piece(struct dma_map *map, const struct sg *sg)
{
	paddr_t pa = virt_to_phys(sg->va), page = ROUND_DOWN(pa, PAGE_SIZE);
	u32 n = DIV_UP(pa - page + sg->len, PAGE_SIZE);
	iova_t at = {map->window.v + (u64)map->pages * PAGE_SIZE};
	struct device *dev = map->dev;
	int err;

	if (!sg->len || map->pages + n > map->window_pages)
		return -EINVAL;
	if (!dev->domain) {
		if (pa + sg->len - 1 > dev->dma_mask)
			return -ERANGE;
		map->pages += n;
		return add_seg(map, pa, sg->len);
	}
	if ((err = dev->strategy->map(dev->domain, at, page, n, map->dir)))
		return err;
	map->pages += n;
	return add_seg(map, at.v + (pa - page), sg->len);
}

/* Takes all of the map's pages out again. */
static void
unmap_pages(struct dma_map *map)
{
	struct device *dev = map->dev;
	int err = 0;

	if (dev->domain && map->pages)
		err = dev->strategy->unmap(dev->domain, map->window, map->pages);
	if (err)
		pr_err("dma: %s: unmap of iova 0x%lx, %u pages: %s", dev->name, map->window.v,
			map->pages, strerror(err));
	map->pages = 0;
	map->nseg = 0;
}

int
dma_map_sg(struct dma_map *map, const struct sg *sg, unsigned n, enum dma_dir dir)
{
	int err = 0;

	if (map->pages)
		return -EBUSY;
	map->dir = dir;
	for (unsigned i = 0; i < n && !err; i++)
		err = map_piece(map, &sg[i]);
	if (err)
		unmap_pages(map);
	else
		__atomic_add_fetch(&map->dev->live_maps, 1, __ATOMIC_RELAXED);
	return err;
}

int
dma_map(struct dma_map *map, void *va, size_t len, enum dma_dir dir)
{
	struct sg sg = {va, len};

	return dma_map_sg(map, &sg, 1, dir);
}

void
dma_unmap(struct dma_map *map)
{
	if (!map->pages) {
		pr_err("dma: %s: unmap of what is not mapped", map->dev->name);
		return;
	}
	unmap_pages(map);
	__atomic_sub_fetch(&map->dev->live_maps, 1, __ATOMIC_RELAXED);
}

static unsigned
order_of(size_t len)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < len)
		order++;
	return order;
}

void *
dma_alloc(struct device *dev, size_t len, iova_t *iova)
{
	unsigned order = order_of(len);
	u32 pages = 1u << order;
	paddr_t pa = order <= MAX_ORDER ? frame_alloc(order, FRAME_DMA) : 0;
	int err;

	if (!pa)
		return NULL;
	/* No strategy: a ring stays mapped as long as its driver lives. */
	memset(phys_to_virt(pa), 0, PAGE_SIZE << order);
	if (!dev->domain) {
		iova->v = pa;
		err = pa + (PAGE_SIZE << order) - 1 > dev->dma_mask ? -ERANGE : 0;
	} else if (!(err = window_alloc(dev, pages, iova))) {
		err = iommu_map(dev->domain, *iova, pa, pages, DMA_BIDIRECTIONAL);
		if (err)
			window_release(dev, *iova, pages);
	}
	if (err) {
		pr_err("dma: %s: cannot map %u pages for a ring: %s", dev->name, pages,
			strerror(err));
		frame_free(pa, order, FRAME_DMA);
		return NULL;
	}
	return phys_to_virt(pa);
}

void
dma_free(struct device *dev, void *va, size_t len, iova_t iova)
{
	unsigned order = order_of(len);

	if (!va)
		return;
	if (dev->domain) {
		int err = iommu_unmap(dev->domain, iova, 1u << order, true);

		if (err) { /* perhaps the device still reaches it: better lost than shared */
			pr_err("dma: %s: unmap of a ring: %s", dev->name, strerror(err));
			return;
		}
		window_release(dev, iova, 1u << order);
	}
	frame_free(virt_to_phys(va), order, FRAME_DMA);
}

static void
show_dma(struct text *t)
{
	text_printf(t, "mode %s\n%-10s %-10s %10s  %s\n", mode_name[mode], "DEVICE", "STRATEGY",
		"LIVE MAPS", "MASK");
	spin_lock(&lock);
	list_for_each (it, &clients) {
		struct dma_client *c = list_entry(it, struct dma_client, link);
		text_printf(t, "%-10s %-10s %10u  0x%lx\n", c->dev->name,
			mode == MODE_DIRECT ? "-" : c->dev->strategy->name, c->dev->live_maps,
			c->dev->dma_mask);
	}
	spin_unlock(&lock);
}
PROC_FILE("dma", show_dma);
