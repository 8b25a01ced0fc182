/* The devices of the DMA layer: who translates for each, and which strategy is in force. */
#include "hal/dma_check.h"
#include "hal/pv.h"
#include "hal/strategy.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"

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
static struct spinlock lock = SPINLOCK_INIT("dma"); /* over the list */
static struct spinlock tick_lock = SPINLOCK_INIT("dma tick");
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
	char all[128] = "", iova[4] = "";
	const struct dma_strategy *s = mode == MODE_DIRECT ? &dma_direct : &dma_strict;
	size_t n = strlen(dev->name);

	if (dev->domain && dev->domain->fixed)
		return &dma_identity;
	if (boot_option("iova", iova, sizeof(iova)) && strcmp(iova, "gpa") == 0 &&
		mode != MODE_DIRECT)
		s = &dma_identity;
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

/* What the firmware keeps for the device is not given out to c. */
static void
keep_reserved(struct dma_client *c, const struct device *dev)
{
	struct iova_range r[IOVA_RESERVED];
	unsigned n = iommu_reserved(dev->rid, r, NELEM(r));

	for (unsigned i = 0; i < n; i++)
		iova_reserve(&c->iova, r[i].start, r[i].end);
}

/* Gives the device a domain: of its own, or of one that the IOMMU takes for the same. */
static int
enter_domain(struct device *dev, const struct iommu_ops *ops)
{
	int err;

	spin_lock(&lock);
	list_for_each (it, &clients) {
		const struct device *other = list_entry(it, struct dma_client, link)->dev;
		if (other->alias == dev->alias)
			dev->domain = other->domain;
	}
	err = dev->domain ? iommu_join(dev->domain, dev->rid) : 0;
	spin_unlock(&lock);
	if (!dev->domain && !(err = domain_create(ops, &dev->domain)) &&
		(err = iommu_attach(dev->domain, dev->rid, dev->alias)))
		domain_destroy(dev->domain);
	return err;
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

		err = enter_domain(dev, ops);
		limit = MIN(MIN(limit, ops->reach() - 1), DMA_STATIC_BASE - 1);
	}
	if (err) {
		dev->domain = NULL;
		kfree(c);
		return err;
	}
	c->dev = dev;
	mutex_init(&c->mutex, "dma maps");
	spin_init(&c->lock, "dma client");
	list_init(&c->maps);
	list_init(&c->cache.all);
	iova_init(&c->iova, limit + 1 ? limit + 1 : limit);
	keep_reserved(c, dev);
	list_for_each (it, &clients) { /* in the domain of one it is mapped for its twins, too */
		struct dma_client *twin = list_entry(it, struct dma_client, link);
		if (twin->dev->alias != dev->alias)
			continue;
		keep_reserved(c, twin->dev);
		keep_reserved(twin, dev);
	}
	if (dev->twins > 1)
		iova_share(&c->iova, dev->twin, dev->twins);
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
		dma_map_forget(map);
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
		if (iommu_leave(dev->domain))
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
dma_device_get(const char *name)
{
	struct device *found = NULL;

	spin_lock(&lock);
	list_for_each (it, &clients) {
		struct dma_client *c = list_entry(it, struct dma_client, link);
		if (strcmp(c->dev->name, name) == 0 && !c->leaving) {
			c->users++;
			found = c->dev;
		}
	}
	spin_unlock(&lock);
	return found;
}

void
dma_device_put(struct device *dev)
{
	spin_lock(&lock);
	dev->client->users--;
	spin_unlock(&lock);
}

int
dma_set_leaving(struct device *dev, bool leaving)
{
	bool busy;

	spin_lock(&lock);
	busy = leaving && dev->client->users;
	dev->client->leaving = leaving && !busy;
	spin_unlock(&lock);
	return busy ? -EBUSY : 0;
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
	return map->map(map, sg, n);
}

void
dma_map_set(struct dma_map *map)
{
	const struct dma_strategy *s = map->dev->strategy;
	bool wait = map->dev->client->switching;

	map->unmap = map->bounced ? dma_unmap_bounced : s->unmap;
	map->commit = dma_check_on ? dma_check_commit : s->commit;
	__atomic_store_n(&map->map,
		wait           ? wait_and_map
		: dma_check_on ? dma_check_map
			       : s->map,
		__ATOMIC_SEQ_CST);
}

/* Tells all maps of a device what its strategy is, or that it is about to change. */
static void
set_all(struct dma_client *c, bool switching)
{
	spin_lock(&c->lock);
	c->switching = switching;
	list_for_each (it, &c->maps)
		dma_map_set(list_entry(it, struct dma_map, link));
	wakeup(&c->switching);
	spin_unlock(&c->lock);
}

/* The strategy is another one, and the device's mutex held. */
static int
switch_to(struct device *dev, const struct dma_strategy *s)
{
	struct dma_client *c = dev->client;
	u64 deadline = timer_ns() + SWITCH_LIMIT_NS;
	int err = 0;

	/* Who maps from now on waits; who had mapped before is waited for. */
	set_all(c, true);
	while (any_in_use(c) && !err) {
		if (timer_ns() > deadline)
			err = -EBUSY;
		else
			sleep_ms(1);
	}
	if (!err) {
		if (dev->strategy->stop)
			dev->strategy->stop(c);
		list_for_each (it, &c->maps)
			dma_map_forget(list_entry(it, struct dma_map, link));
		c->cache.quota = s->quota;
		if (s->start && (err = s->start(c)))
			s = &dma_strict;
		dev->strategy = s;
	}
	set_all(c, false);
	return err;
}

int
dma_set_strategy(struct device *dev, const struct dma_strategy *s)
{
	int err = 0;

	if (s != dev->strategy && (dev->domain ? dev->domain->fixed && s != &dma_identity
					       : s != &dma_bounce && s != &dma_direct))
		return -ENODEV; /* nobody translates: there is nothing to choose */
	mutex_lock(&dev->client->mutex);
	if (s != dev->strategy)
		err = switch_to(dev, s);
	mutex_unlock(&dev->client->mutex);
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
	if (dma_check_on)
		dma_check_show(t);
}
PROC_FILE("dma", show_dma);
