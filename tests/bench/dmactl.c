/*
 * /dev/dma: the DMA layer's knobs, one command a write; dmabench and scripts use it.
 *
 * strategy DEVICE NAME: has a device use another strategy.
 *
 * cost DEVICE PAGES BATCH ROUNDS [LIVE]: maps BATCH buffers, commits, unmaps them, ROUNDS times,
 * beside LIVE mappings that stay. No device sees the addresses. Answers, for a pair of map and
 * unmap: ticks of the TSC; invalidations and hypercalls, both times 1000; the most pages that the
 * device reached at once; bytes copied; microseconds times pages that it reached after their unmap,
 * times 1000; and the bytes that it reached beside a buffer of 1,500.
 *
 * count DEVICE: what has happened until now: maps, invalidations, hypercalls, exits of this VM;
 * pages that the device reaches, the most since the last count; bytes copied; microseconds times
 * pages that it reached after their unmap; and ticks of the TSC that the machine was idle.
 *
 * null ROUNDS: ticks of a hypercall that does nothing, there and back.
 */
#include "hal/pv.h"
#include "hal/strategy.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"

#define MAX_ORDER_COST 8
#define MAX_BATCH      256

/* Maps and buffers for the measurement. */
struct bench {
	unsigned n, order;
	struct dma_map map[MAX_BATCH];
	void *buf[MAX_BATCH];
};

/* A mapping that stays. */
struct live {
	struct live *next;
	struct dma_map map;
};

static const struct dma_limits no_limits;

static void
free_bench(struct bench *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		dma_map_destroy(&b->map[i]);
		if (b->buf[i])
			frame_free(virt_to_phys(b->buf[i]), b->order, FRAME_DMA);
	}
	kfree(b);
}

/* NULL: there is no memory. */
static struct bench *
make_bench(struct device *dev, unsigned n, unsigned pages)
{
	struct bench *b = kmalloc(sizeof(*b));

	if (!b)
		return NULL;
	while ((1u << b->order) < pages)
		b->order++;
	while (b->n < n) {
		unsigned i = b->n++;
		paddr_t pa = frame_alloc(b->order, FRAME_DMA);

		b->buf[i] = pa ? phys_to_virt(pa) : NULL;
		if (!pa || dma_map_create(dev, &no_limits, pages * PAGE_SIZE, &b->map[i])) {
			free_bench(b);
			return NULL;
		}
	}
	return b;
}

/* ROUNDS times: maps all, commits, unmaps all. */
static int
rounds(struct bench *b, size_t len, u64 n)
{
	int err = 0;
	struct dma_map *m = b->map, *end = b->map + b->n, *mapped;

	if (b->n == 1) { /* with as little around it as can be */
		for (; n && !(err = dma_map(m, b->buf[0], len, DMA_BIDIRECTIONAL)); n--) {
			err = dma_commit(m);
			dma_unmap(m);
		}
		return err;
	}
	while (n-- && !err) {
		void **buf = b->buf;

		for (m = b->map; m < end && !(err = dma_map(m, *buf, len, DMA_BIDIRECTIONAL)); m++)
			buf++;
		mapped = m;
		for (m = b->map; m < mapped && !err; m++)
			err = dma_commit(m);
		for (m = b->map; m < mapped; m++)
			dma_unmap(m);
	}
	return err;
}

/* Adds n mappings of one page that stay. */
static int
make_live(struct device *dev, u64 n, struct live **all)
{
	static char page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE))); /* only ever read */
	int err = 0;

	for (; n && !err; n--) {
		struct live *l = kmalloc(sizeof(*l));

		if (!l)
			return -ENOMEM;
		l->next = *all;
		*all = l;
		if (!(err = dma_map_create(dev, &no_limits, PAGE_SIZE, &l->map)) &&
			!(err = dma_map(&l->map, page, PAGE_SIZE, DMA_TO_DEVICE)))
			err = dma_commit(&l->map);
	}
	return err;
}

/* Bytes that the device reaches beside a buffer of 1,500; all of memory without protection. */
static int
beside(struct device *dev, struct bench *b, u64 *bytes)
{
	int err = dma_map(b->map, (char *)b->buf[0] + 100, 1500, DMA_BIDIRECTIONAL);

	if (err)
		return err;
	err = dma_commit(b->map);
	if (dev->strategy == &dma_direct || dev->strategy == &dma_static)
		*bytes = (frame_count(FRAME_FREE) + frame_count(FRAME_KERNEL)) * PAGE_SIZE;
	else
		*bytes = dev->strategy == &dma_bounce ? 0 : b->map->pages * PAGE_SIZE - 1500;
	dma_unmap(b->map);
	return err;
}

/* n rounds, what they cost and what happened, a pair. */
static int
measure(struct device *dev, struct bench *b, size_t len, u64 n, struct text *t)
{
	u64 ticks, calls, bytes, pairs = n * b->n;
	struct dma_counts was, is;
	int err = rounds(b, len, 2 + 600 / b->n); /* until it is warm */

	if (err || (err = beside(dev, b, &bytes)))
		return err;
	if (dev->domain)
		dev->domain->peak = dev->domain->pages;
	dma_count(dev->client, &was);
	calls = pv_calls;
	ticks = rdtsc();
	err = rounds(b, len, n);
	ticks = rdtsc() - ticks;
	calls = pv_calls - calls;
	dma_count(dev->client, &is);
	text_printf(t, "%lu %lu %lu %lu %lu %lu %lu\n", ticks / pairs,
		(is.invalidations - was.invalidations) * 1000 / pairs, calls * 1000 / pairs,
		is.peak, (is.copied - was.copied) / pairs,
		(is.exposed_us - was.exposed_us) * 1000 / pairs, bytes);
	return err;
}

static int
cost(struct device *dev, const u64 arg[4], struct text *t)
{
	u64 pages = arg[0], batch = arg[1], n = arg[2];
	struct live *live = NULL, *l;
	struct bench *b;
	int err;

	if (!pages || pages > 1u << MAX_ORDER_COST || !batch || batch > MAX_BATCH || !n ||
		arg[3] > 1000000)
		return -EINVAL;
	if (!(b = make_bench(dev, batch, pages)))
		return -ENOMEM;
	if (!(err = make_live(dev, arg[3], &live)))
		err = measure(dev, b, pages * PAGE_SIZE, n, t);
	while ((l = live)) {
		live = l->next;
		if (l->map.in_use)
			dma_unmap(&l->map);
		dma_map_destroy(&l->map);
		kfree(l);
	}
	free_bench(b);
	return err;
}

static void
count(struct device *dev, struct text *t)
{
	struct dma_counts n;
	u64 cost[2];

	pv_cost(cost);
	dma_count(dev->client, &n);
	text_printf(t, "%lu %lu %lu %lu %lu %lu %lu %lu %lu\n", n.maps, n.invalidations, pv_calls,
		cost[0], dev->domain ? dev->domain->pages : 0, n.peak, n.copied, n.exposed_us,
		cost[1]);
	if (dev->domain)
		dev->domain->peak = dev->domain->pages;
}

static int
null_call(u64 n, struct text *t)
{
	u64 ticks, left = n;

	if (!pv_present())
		return -ENODEV;
	pv_call(HC_version, 0, 0, 0, 0, 0);
	for (ticks = rdtsc(); left; left--)
		pv_call(HC_version, 0, 0, 0, 0, 0);
	text_printf(t, "%lu\n", (rdtsc() - ticks) / n);
	return 0;
}

/* A command about a device. */
static int
device_command(struct device *dev, unsigned n, char *word[], struct text *t)
{
	u64 arg[4] = {0}; /* of words 2 to 5 */

	for (unsigned i = 2; i < n && i < 6; i++) {
		const char *p = word[i];
		parse_u64(&p, &arg[i - 2]);
	}
	if (n == 3 && strcmp(word[0], "strategy") == 0) {
		const struct dma_strategy *s = dma_strategy_named(word[2]);
		return s ? dma_set_strategy(dev, s) : -ENOENT;
	}
	if ((n == 5 || n == 6) && strcmp(word[0], "cost") == 0)
		return cost(dev, arg, t);
	if (n == 2 && strcmp(word[0], "count") == 0) {
		count(dev, t);
		return 0;
	}
	return -EINVAL;
}

static int
command(void *unused, unsigned n, char *word[], struct text *t)
{
	struct device *dev;
	u64 rounds = 0;
	int err;

	if (n == 2 && strcmp(word[0], "null") == 0) {
		const char *p = word[1];
		return parse_u64(&p, &rounds) && rounds ? null_call(rounds, t) : -EINVAL;
	}
	if (!(dev = n > 1 ? dma_device_get(word[1]) : NULL))
		return n > 1 ? -ENODEV : -EINVAL;
	err = device_command(dev, n, word, t);
	dma_device_put(dev);
	return err;
}

static struct cmdfile file;

static void
dmactl_init(void)
{
	cmdfile_add(&file, "/dev/dma", command, NULL);
}
INITCALL(INIT_DEVICE, dmactl_init);
