/* The DMA layer: written once for all modes and strategies. */
#include "hal/dma_check.h"
#include "hal/iommu.h"
#include "hal/iova.h"
#include "hal/platform.h"
#include "hal/pv.h"
#include "hal/strategy.h"
#include "hal/timer.h"
#include "kernel/abi.h"
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"
#include "kernel/x86.h"

/* Seen from the device: it reads what goes to it. */
_Static_assert((int)DMA_TO_DEVICE == (int)IOMMU_READ, "directions");
_Static_assert((int)DMA_FROM_DEVICE == (int)IOMMU_WRITE, "directions");

/* Who translates. */
enum mode { MODE_DIRECT, MODE_IOMMU, MODE_COOP };
static const char *const mode_name[] = {"direct", "iommu", "coop"};
static enum mode mode;

#define SWITCH_LIMIT_NS 1000000000UL /* a device that maps for longer keeps its strategy */

static const struct dma_strategy *const strategies[] = {
#define X(name) &dma_##name,
	DMA_STRATEGIES(X)
#undef X
};

static struct list clients = LIST_INIT(clients);
static struct spinlock lock = SPINLOCK_INIT("dma"); /* over the list; outside of client->lock */
static struct spinlock tick_lock = SPINLOCK_INIT("dma tick"); /* inside of client->lock */
static bool ticking; /* (tick_lock) somebody wants a tick */

void
dma_init(void)
{
	char want[8] = "auto";
	bool direct;

	boot_option("mode", want, sizeof(want));
	direct = strcmp(want, "direct") == 0;
	iommu_init(!direct);
	dma_check_init();
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

/*
 * strategy=NAME or strategy=BDF:NAME, several with commas between: what the command line wants for
 * a device, the last one that is about it.
 */
static const struct dma_strategy *
boot_strategy(const struct device *dev)
{
	const struct dma_strategy *s = mode == MODE_DIRECT ? &dma_direct : &dma_strict;
	char all[128] = "";
	size_t n = strlen(dev->name);

	boot_option("strategy", all, sizeof(all));
	for (char *at = all, *end; *at; at = end) {
		const struct dma_strategy *found;

		if ((end = strchr(at, ',')))
			*end++ = 0;
		else
			end = at + strlen(at);
		if (strncmp(at, dev->name, n) == 0 && at[n] == ':')
			at += n + 1;
		else if (strchr(at, ':'))
			continue; /* for another device */
		if ((found = dma_strategy_named(at)))
			s = found;
		else
			pr_err("dma: strategy=%s: there is none of this name (see /proc/dma)", at);
	}
	return s;
}

/* What the firmware keeps for the device is not given out. */
static void
keep_reserved(struct dma_client *c)
{
	struct iova_range r[IOVA_RESERVED];
	unsigned n = iommu_reserved(c->dev->rid, r, NELEM(r));

	for (unsigned i = 0; i < n; i++)
		iova_reserve(&c->iova, r[i].start, r[i].end);
}

int
dma_attach(struct device *dev)
{
	struct dma_client *c = kmalloc(sizeof(*c));
	u64 limit = dev->dma_mask;
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (mode != MODE_DIRECT) {
		const struct iommu_ops *ops = mode == MODE_COOP ? &pv_ops : iommu_hw();

		if (!(err = domain_create(ops, &dev->domain)) &&
			(err = iommu_attach(dev->domain, dev->rid, dev->alias)))
			domain_destroy(dev->domain);
		limit = MIN(MIN(limit, ops->reach() - 1), DMA_STATIC_BASE - 1);
	}
	if (err) {
		dev->domain = NULL;
		kfree(c);
		return err;
	}
	c->dev = dev;
	spin_init(&c->lock, "dma client");
	list_init(&c->maps);
	list_init(&c->cache.all);
	iova_init(&c->iova, limit + 1 ? limit + 1 : limit);
	if (dev->domain)
		keep_reserved(c);
	dev->client = c;
	dev->strategy = mode == MODE_DIRECT ? &dma_direct : &dma_strict;
	spin_lock(&lock);
	list_add_tail(&clients, &c->link);
	spin_unlock(&lock);
	if ((err = dma_set_strategy(dev, boot_strategy(dev))))
		pr_err("dma: %s: strategy %s: %s; using %s", dev->name, boot_strategy(dev)->name,
			strerror(err), dev->strategy->name);
	return 0;
}

void
dma_detach(struct device *dev)
{
	struct dma_client *c = dev->client;

	list_for_each (it, &c->maps) {
		struct dma_map *map = list_entry(it, struct dma_map, link);
		pr_err("dma: %s: left behind: a map made at %s%s%s", dev->name, map->created,
			map->pages ? ", still mapped at " : "", map->pages ? map->where : "");
		list_remove(&map->link);
		kfree(map->seg);
		map->seg = NULL; /* so that destroying it later does nothing */
	}
	if (dma_check_on)
		dma_check_detach(dev);
	spin_lock(&lock);
	list_remove(&c->link); /* no more ticks */
	spin_unlock(&lock);
	if (dev->strategy->stop)
		dev->strategy->stop(c);
	if (dev->domain) {
		iommu_detach(dev->domain);
		domain_destroy(dev->domain);
		dev->domain = NULL;
	}
	iova_fini(&c->iova);
	kfree(c);
	dev->client = NULL;
}

const struct dma_strategy *
dma_strategy_named(const char *name)
{
	for (unsigned i = 0; i < NELEM(strategies); i++)
		if (strcmp(strategies[i]->name, name) == 0)
			return strategies[i];
	return NULL;
}

struct device *
dma_device_named(const char *name)
{
	struct device *found = NULL;

	spin_lock(&lock);
	list_for_each (it, &clients) {
		struct dma_client *c = list_entry(it, struct dma_client, link);
		if (strcmp(c->dev->name, name) == 0)
			found = c->dev;
	}
	spin_unlock(&lock);
	return found;
}

/* Lets a map's window and what its strategy keeps in it go. Unmapped. */
static void
map_forget(struct dma_map *map)
{
	if (map->dev->strategy->forget)
		map->dev->strategy->forget(map);
	if (map->bounce)
		dma_bounce.forget(map);
	if (map->window.npages)
		dma_window_release(map->dev->client, &map->window);
}

/* Whether a map of the device is in use. */
static bool
any_in_use(struct dma_client *c)
{
	bool any = false;

	spin_lock(&c->lock);
	list_for_each (it, &c->maps)
		any |= __atomic_load_n(
			&list_entry(it, struct dma_map, link)->in_use, __ATOMIC_SEQ_CST);
	spin_unlock(&c->lock);
	return any;
}

/* The strategy of a device that changes its strategy: who maps waits until it has. */
static int
wait_and_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	struct dma_client *c = map->dev->client;

	__atomic_store_n(&map->in_use, false, __ATOMIC_SEQ_CST);
	spin_lock(&c->lock);
	while (c->switching)
		proc_sleep(&c->switching, &c->lock);
	spin_unlock(&c->lock);
	if (__atomic_exchange_n(&map->in_use, true, __ATOMIC_SEQ_CST))
		return -EBUSY;
	return map->strategy->map(map, sg, n);
}
static const struct dma_strategy between = {.name = "between", .map = wait_and_map};

/* What a map calls to commit; NULL: nothing. */
static __typeof__(&dma_check_commit)
commit_of(const struct dma_strategy *s)
{
	return dma_check_on ? dma_check_commit : s->commit;
}

/* Hands all maps of a device to a strategy. */
static void
set_all(struct dma_client *c, const struct dma_strategy *s)
{
	spin_lock(&c->lock);
	list_for_each (it, &c->maps) {
		struct dma_map *map = list_entry(it, struct dma_map, link);
		if (s != &between)
			map->commit = commit_of(s);
		__atomic_store_n(&map->strategy, s, __ATOMIC_SEQ_CST);
	}
	spin_unlock(&c->lock);
}

int
dma_set_strategy(struct device *dev, const struct dma_strategy *s)
{
	struct dma_client *c = dev->client;
	u64 deadline = timer_ns() + SWITCH_LIMIT_NS;
	int err = 0;

	if (s == dev->strategy)
		return 0;
	if (!dev->domain && s != &dma_bounce && s != &dma_direct)
		return -ENODEV; /* nobody translates: there is nothing to choose */
	if (__atomic_exchange_n(&c->switching, true, __ATOMIC_SEQ_CST))
		return -EBUSY;
	/* Who maps from now on waits; who had mapped before is waited for. */
	set_all(c, &between);
	while (any_in_use(c) && !err) {
		if (timer_ns() > deadline)
			err = -EBUSY;
		else
			sleep_ms(1);
	}
	if (err) {
		s = dev->strategy;
	} else {
		if (dev->strategy->stop)
			dev->strategy->stop(c);
		list_for_each (it, &c->maps)
			map_forget(list_entry(it, struct dma_map, link));
		if (s->start && (err = s->start(c)))
			s = &dma_strict;
		dev->strategy = s;
	}
	set_all(c, s);
	spin_lock(&c->lock);
	c->switching = false;
	wakeup(&c->switching);
	spin_unlock(&c->lock);
	return err;
}

void
dma_window_release(struct dma_client *c, struct iommu_window *w)
{
	iova_release(&c->iova, w->iova, w->npages);
	w->npages = 0;
}

int
dma_window(struct dma_map *map)
{
	struct dma_client *c = map->dev->client;
	iova_t at;
	int err = iova_alloc(&c->iova, map->window_pages, &at);

	if (err)
		return err;
	if ((err = iommu_window_open(map->dev->domain, at, map->window_pages, &map->window)))
		dma_window_release(c, &map->window);
	return err;
}

void
dma_want_tick(struct dma_client *c)
{
	if (c->pending)
		return;
	c->pending = true;
	spin_lock(&tick_lock);
	ticking = true;
	wakeup(&ticking);
	spin_unlock(&tick_lock);
}

/* The thread that ticks, while somebody wants it. */
static void
tick_thread(void *unused)
{
	for (;;) {
		spin_lock(&tick_lock);
		while (!ticking)
			proc_sleep(&ticking, &tick_lock);
		ticking = false;
		spin_unlock(&tick_lock);
		sleep_ms(DMA_TICK_MS);
		spin_lock(&lock);
		list_for_each (it, &clients) {
			struct dma_client *c = list_entry(it, struct dma_client, link);
			spin_lock(&c->lock);
			bool pending = c->pending;
			c->pending = false; /* also if who asked for it is not in force any more */
			if (pending && c->dev->strategy->tick)
				c->dev->strategy->tick(c, timer_ns());
			spin_unlock(&c->lock);
		}
		spin_unlock(&lock);
	}
}

static void
start_ticking(void)
{
	if (!kthread_start("dma", tick_thread, NULL))
		panic("no memory for the DMA layer's thread");
}
INITCALL(INIT_BUS, start_ticking);

int
dma_map_create_at(struct device *dev, const struct dma_limits *limits, size_t max,
	struct dma_map *map, const char *where)
{
	*map = (struct dma_map){.dev = dev, .limits = *limits, .max = max, .created = where};
	map->plain = !limits->seg_max && !limits->boundary && !limits->align;
	map->window_pages = DIV_UP(max, PAGE_SIZE) + 1; /* a buffer may begin within a page */
	if (!map->limits.max_segs)
		map->limits.max_segs = map->window_pages;
	if (!(map->seg = kmalloc(map->limits.max_segs * sizeof(*map->seg))))
		return -ENOMEM;
	spin_lock(&dev->client->lock);
	map->strategy = dev->client->switching ? &between : dev->strategy;
	map->commit = commit_of(dev->strategy);
	list_add_tail(&dev->client->maps, &map->link);
	spin_unlock(&dev->client->lock);
	return 0;
}

void
dma_map_destroy_at(struct dma_map *map, const char *where)
{
	struct dma_client *c = map->dev ? map->dev->client : NULL;

	if (!map->seg)
		return;
	if (map->in_use)
		panic("dma: %s: destroyed at %s while mapped at %s", map->dev->name, where,
			map->where);
	map_forget(map);
	spin_lock(&c->lock);
	list_remove(&map->link);
	c->maps_gone += map->maps;
	c->exposure.pages += map->exposure.pages;
	c->exposure.time += map->exposure.time;
	spin_unlock(&c->lock);
	kfree(map->seg);
	map->seg = NULL;
}

int
dma_add_cut(struct dma_map *map, u64 at, size_t len)
{
	const struct dma_limits *l = &map->limits;

	if (l->align && at & (l->align - 1))
		return -EINVAL;
	while (len) {
		size_t n = len;

		if (l->seg_max)
			n = MIN(n, l->seg_max);
		if (l->boundary)
			n = MIN(n, l->boundary - (at & (l->boundary - 1)));
		if (map->nseg == l->max_segs)
			return -EINVAL;
		map->seg[map->nseg++] = (struct dma_seg){{at}, n};
		at += n;
		len -= n;
	}
	return 0;
}

/*
 * What the device cannot take goes through a buffer that it can; else the error stays. Apart, so
 * that a map that goes well saves no registers for it.
 */
static __attribute__((noinline)) int
map_failed(struct dma_map *map, const struct sg *sg, unsigned n, int err)
{
	map->nseg = map->pages = 0;
	if ((err == -ERANGE || err == -EINVAL) && map->dev->strategy != &dma_bounce) {
		map->bounced = true;
		if (!(err = dma_bounce.map(map, sg, n))) {
			map->maps++;
			return 0;
		}
		map->bounced = false;
		map->nseg = map->pages = 0;
	}
	if (dma_check_on)
		dma_check_failed(map);
	map->dev->client->errors++;
	__atomic_store_n(&map->in_use, false, __ATOMIC_RELEASE);
	return err;
}

int
dma_map_sg_at(
	struct dma_map *map, const struct sg *sg, unsigned n, enum dma_dir dir, const char *where)
{
	int err;

	if (__atomic_exchange_n(&map->in_use, true, __ATOMIC_SEQ_CST))
		return -EBUSY;
	map->dir = dir;
	map->where = where;
	if (UNLIKELY(dma_check_on))
		err = dma_check_map(map, sg, n);
	else
		err = n ? READ_ONCE(map->strategy)->map(map, sg, n) : -EINVAL;
	if (UNLIKELY(err))
		return map_failed(map, sg, n, err);
	map->maps++;
	return 0;
}

void
dma_unmap_at(struct dma_map *map, const char *where)
{
	if (UNLIKELY(dma_check_on || !map->in_use) && !dma_check_unmap(map, where))
		return;
	if (UNLIKELY(map->bounced))
		dma_bounce.unmap(map);
	else
		map->dev->strategy->unmap(map); /* not map->strategy: it may be about to change */
	map->nseg = map->pages = 0;
	map->bounced = false;
	__atomic_store_n(&map->in_use, false, __ATOMIC_RELEASE);
}

static unsigned
order_of(size_t len)
{
	unsigned order = 0;

	while ((PAGE_SIZE << order) < len)
		order++;
	return order;
}

/* The ring of dma_alloc(). */
static void *
ring_alloc(struct device *dev, size_t len, iova_t *iova)
{
	unsigned order = order_of(len);
	u32 pages = 1u << order;
	paddr_t pa = 0;
	int err;

	if (order <= MAX_ORDER) /* in direct mode it must lie where the device reaches it */
		pa = dev->domain ? frame_alloc(order, FRAME_DMA)
				 : frame_alloc_below(dev->dma_mask, order, FRAME_DMA);
	if (!pa)
		return NULL;
	/* No strategy: a ring stays mapped as long as its driver lives. */
	memset(phys_to_virt(pa), 0, PAGE_SIZE << order);
	iova->v = pa;
	if (!dev->domain)
		return phys_to_virt(pa);
	if (!(err = iova_alloc(&dev->client->iova, pages, iova)) &&
		(err = iommu_map(dev->domain, *iova, pa, pages, DMA_BIDIRECTIONAL)))
		iova_release(&dev->client->iova, *iova, pages);
	if (err) {
		pr_err("dma: %s: cannot map %u pages for a ring: %s", dev->name, pages,
			strerror(err));
		frame_free(pa, order, FRAME_DMA);
		return NULL;
	}
	return phys_to_virt(pa);
}

static void
ring_free(struct device *dev, void *va, size_t len, iova_t iova)
{
	unsigned order = order_of(len);

	if (dev->domain) {
		int err = iommu_unmap(dev->domain, iova, 1u << order, true);

		if (err) { /* perhaps the device still reaches it: better lost than shared */
			pr_err("dma: %s: unmap of a ring: %s", dev->name, strerror(err));
			return;
		}
		iova_release(&dev->client->iova, iova, 1u << order);
	}
	frame_free(virt_to_phys(va), order, FRAME_DMA);
}

void *
dma_alloc_at(struct device *dev, size_t len, iova_t *iova, const char *where)
{
	void *va = ring_alloc(dev, len, iova);

	if (va && dma_check_on && !dma_check_alloc(dev, va, len, iova, where)) {
		ring_free(dev, va, len, *iova);
		va = NULL;
	}
	return va;
}

void
dma_free_at(struct device *dev, void *va, size_t len, iova_t iova, const char *where)
{
	if (va && (!dma_check_on || dma_check_free(&dev, va, &len, &iova, where)))
		ring_free(dev, va, len, iova);
}

void
dma_count(struct dma_client *c, struct dma_counts *n)
{
	struct dma_exposure e = c->exposure;

	*n = (struct dma_counts){.maps = c->maps_gone, .errors = c->errors, .copied = c->copied};
	spin_lock(&c->lock);
	list_for_each (it, &c->maps) {
		struct dma_map *map = list_entry(it, struct dma_map, link);
		n->live += map->in_use;
		n->maps += map->maps;
		e.pages += map->exposure.pages;
		e.time += map->exposure.time;
	}
	spin_unlock(&c->lock);
	n->exposed = e.pages;
	/* What is still exposed is so until now. */
	n->exposed_us = timer_tsc_to_ns(e.time + e.pages * rdtsc()) / 1000;
	if (c->dev->domain) {
		n->invalidations = c->dev->domain->invalidations;
		n->peak = c->dev->domain->peak;
	}
}

static void
show_dma(struct text *t)
{
	text_printf(t, "mode %s; strategies:", mode_name[mode]);
	for (unsigned i = 0; i < NELEM(strategies); i++)
		text_printf(t, " %s", strategies[i]->name);
	text_printf(t, "\n%-8s %-10s %6s %10s %8s %12s %8s %8s %12s  %s\n", "DEVICE", "STRATEGY",
		"LIVE", "MAPS", "ERRORS", "COPIED", "MISSES", "EXPOSED", "PAGES x us", "MASK");
	spin_lock(&lock);
	list_for_each (it, &clients) {
		struct dma_client *c = list_entry(it, struct dma_client, link);
		struct dma_counts n;

		dma_count(c, &n);
		text_printf(t, "%-8s %-10s %6u %10lu %8lu %12lu %8lu %8lu %12lu  0x%lx\n",
			c->dev->name, c->dev->strategy->name, n.live, n.maps, n.errors, n.copied,
			c->cache.misses, n.exposed, n.exposed_us, c->dev->dma_mask);
	}
	spin_unlock(&lock);
	dma_check_show(t);
}
PROC_FILE("dma", show_dma);
