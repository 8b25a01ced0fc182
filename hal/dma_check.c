#include "hal/dma_check.h"
#include "hal/strategy.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"
#include "kernel/trap.h"

#ifdef DEBUG
bool dma_check_on = true;
#else
bool dma_check_on;
#endif

#define LINES   40 /* in a second, at most; all are counted */
#define BUCKETS 256

/* The part of a buffer that lies in one page. */
struct piece {
	struct piece *next; /* in its bucket */
	struct dma_held *of;
	paddr_t from, to;
	u64 sum; /* of the bytes, when it was mapped */
};

/* What a device holds: a buffer, or a ring. */
struct dma_held {
	struct list link;
	struct device *dev;
	const char *where;
	enum dma_dir dir;
	struct dma_map *map; /* NULL: a ring, and then: */
	void *va;
	size_t len;
	iova_t iova;
	u64 commits; /* the device's, when it was mapped */
	unsigned n;
	struct piece piece[];
};

static struct {
	struct spinlock lock; /* over the lists and counters; taken with any other, takes none */
	struct list all;
	struct piece *bucket[BUCKETS];
	u64 offences;
	u64 second, lines;
} held = {.lock = SPINLOCK_INIT("dma check"), .all = LIST_INIT(held.all)};

static void report(const struct device *dev, const char *fmt, ...) PRINTF(2, 3);
static void
report(const struct device *dev, const char *fmt, ...)
{
	char line[200];
	struct text t = {.buf = line, .size = sizeof(line) - 1};
	u64 second = timer_ns() / 1000000000;
	bool quiet;
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&t, fmt, ap);
	va_end(ap);
	line[t.len] = 0;
	spin_lock(&held.lock);
	held.offences++;
	if (second != held.second)
		held.lines = 0;
	held.second = second;
	quiet = held.lines++ >= LINES;
	spin_unlock(&held.lock);
	if (!quiet)
		pr_err("dma_check: %s: %s", dev->name, line);
}

static struct piece **
bucket(paddr_t pa)
{
	return &held.bucket[(pa >> PAGE_SHIFT) % BUCKETS];
}

/* A piece in [from, to), one page's, other than of `but`, that conflicts with `dir`. Locked. */
static struct piece *
find(paddr_t from, paddr_t to, const struct dma_held *but, unsigned dir)
{
	struct piece *p = *bucket(from);

	while (p && (p->from >= to || p->to <= from || p->of == but ||
			    (dir | p->of->dir) == DMA_TO_DEVICE))
		p = p->next;
	return p;
}

static u64
sum(const struct piece *p)
{
	const u8 *at = phys_to_virt(p->from), *end = at + (p->to - p->from);
	u64 s = 0;

	while (at < end)
		s = s * 31 + *at++;
	return s;
}

/* Adds [pa, pa+len) to what h holds, page by page. */
static void
add_pieces(struct dma_held *h, paddr_t pa, size_t len)
{
	for (size_t n; len; pa += n, len -= n) {
		struct piece *p = &h->piece[h->n++];

		n = MIN(len, PAGE_SIZE - (pa & PAGE_MASK));
		*p = (struct piece){.of = h, .from = pa, .to = pa + n};
		p->sum = h->map ? sum(p) : 0;
	}
}

/* From now on the device holds it. */
static void
hold(struct dma_held *h)
{
	struct piece *p, *other = NULL;
	const char *where = NULL, *name = NULL;

	spin_lock(&held.lock);
	for (p = h->piece; p < h->piece + h->n; p++) {
		if (!other && (other = find(p->from, p->to, h, h->dir))) {
			where = other->of->where;
			name = other->of->dev->name;
		}
		p->next = *bucket(p->from);
		*bucket(p->from) = p;
	}
	list_add_tail(&held.all, &h->link);
	spin_unlock(&held.lock);
	if (other)
		report(h->dev, "mapped at %s: overlaps what %s maps at %s, and one writes",
			h->where, name, where);
}

/* Locked. */
static void
unhold(struct dma_held *h)
{
	for (struct piece *p = h->piece; p < h->piece + h->n; p++) {
		struct piece **at = bucket(p->from);

		while (*at != p)
			at = &(*at)->next;
		*at = p->next;
	}
	list_remove(&h->link);
	if (h->map)
		h->map->held = NULL;
}

static void
release(struct dma_held *h)
{
	if (!h)
		return;
	spin_lock(&held.lock);
	unhold(h);
	spin_unlock(&held.lock);
	kfree(h);
}

/* Memory is about to be freed, by code at `by`. */
static void
freed(paddr_t pa, size_t len, void *by)
{
	struct dma_held h = {0};
	u64 offset = 0;
	const char *name;

	spin_lock(&held.lock);
	for (paddr_t at = pa, next; at < pa + len && !h.where; at = next) {
		struct piece *p;

		next = MIN(ROUND_DOWN(at, PAGE_SIZE) + PAGE_SIZE, pa + len);
		if ((p = find(at, next, NULL, DMA_BIDIRECTIONAL)))
			h = *p->of;
	}
	spin_unlock(&held.lock);
	if (h.where) {
		name = symbol_of((u64)by, &offset);
		report(h.dev, "%s+0x%lx frees memory that is mapped at %s", name ? name : "?",
			offset, h.where);
	}
}

void
dma_check_init(void)
{
	char want[4];

	if (boot_option("dma_check", want, sizeof(want)))
		dma_check_on = want[0] != '0';
	if (dma_check_on)
		free_watch = freed;
}

/* What is wrong with a page of RAM as a buffer; NULL: nothing. */
static const char *
wrong_page(paddr_t pa)
{
	extern char __text_start[], __rodata_end[];

	if (pa >= virt_to_phys(__text_start) && pa < virt_to_phys(__rodata_end))
		return "the kernel's code or constants";
	switch (frame_owner_of(pa)) {
	case FRAME_FREE:
		return "free memory";
	case FRAME_STACK:
		return "a stack";
	case FRAME_TABLE:
		return "a page table";
	default:
		return NULL;
	}
}

/* What is wrong with a buffer; NULL: nothing. *none: the CPU cannot read all of it, either. */
static const char *
wrong_memory(const struct sg *sg, bool *none)
{
	u64 va = (u64)sg->va;
	const char *what = NULL;
	paddr_t end;

	if ((*none = va < DIRECT_BASE || (va >= IOMAP_BASE && va < KERNEL_BASE)))
		return "an address outside of RAM";
	end = virt_to_phys(sg->va) + sg->len;
	for (paddr_t pa = virt_to_phys(sg->va) & ~PAGE_MASK; pa < end; pa += PAGE_SIZE) {
		if ((*none = !mem_is_ram(pa)))
			return "memory that is no RAM";
		if (!what)
			what = wrong_page(pa);
	}
	return what;
}

int
dma_check_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	struct dma_held *h;
	unsigned pages = 0;

	map->failed = false;
	if (map->dir < DMA_TO_DEVICE || map->dir > DMA_BIDIRECTIONAL) {
		report(map->dev, "mapped at %s: %d is no direction", map->where, map->dir);
		return -EFAULT;
	}
	for (unsigned i = 0; i < n; i++) {
		bool none;
		const char *what = wrong_memory(&sg[i], &none);

		if (what)
			report(map->dev, "mapped at %s: %s", map->where, what);
		if (none)
			return -EFAULT;
		pages += sg_pages(&sg[i]);
	}
	if (!(h = kmalloc(sizeof(*h) + pages * sizeof(h->piece[0]))))
		goto map; /* this one goes unwatched */
	h->dev = map->dev;
	h->where = map->where;
	h->dir = map->dir;
	h->map = map;
	h->commits = READ_ONCE(map->dev->client->commits);
	for (unsigned i = 0; i < n; i++)
		add_pieces(h, virt_to_phys(sg[i].va), sg[i].len);
	map->held = h;
	hold(h);
map:
	return n ? READ_ONCE(map->strategy)->map(map, sg, n) : -EINVAL;
}

void
dma_check_failed(struct dma_map *map)
{
	release(map->held);
	map->failed = true;
	for (unsigned i = 0; i < map->limits.max_segs; i++) /* who reads them shows in a fault */
		map->seg[i] = (struct dma_seg){{0xdead0000dead0000}, 0};
}

int
dma_check_commit(struct dma_map *map)
{
	const struct dma_strategy *s = map->dev->strategy;

	__atomic_add_fetch(&map->dev->client->commits, 1, __ATOMIC_RELAXED);
	if (!map->in_use)
		report(map->dev, "commit of what is not mapped; %s mapped at %s",
			map->failed ? "it failed to be" : "last",
			map->where ? map->where : "no time");
	return s->commit ? s->commit(map) : 0;
}

/* An unmap of what is not mapped. The checker knows more of it. */
static void
not_mapped(const struct dma_map *map, const char *where)
{
	const char *mapped = map->where ? map->where : "no time";

	if (!dma_check_on)
		pr_err("dma: %s: unmap at %s of what is not mapped; last mapped at %s",
			map->dev->name, where, mapped);
	else if (map->failed)
		report(map->dev, "unmap at %s of what failed to be mapped at %s", where, mapped);
	else
		report(map->dev,
			"unmap at %s of what is not mapped; last mapped at %s, unmapped at %s",
			where, mapped, map->unmapped ? map->unmapped : "no time");
}

bool
dma_check_unmap(struct dma_map *map, const char *where)
{
	struct dma_held *h = map->held;
	bool changed = false;

	if (!map->in_use) {
		not_mapped(map, where);
		return false;
	}
	map->unmapped = where;
	if (!h)
		return true;
	if (h->commits == READ_ONCE(map->dev->client->commits))
		report(map->dev, "unmap at %s without a commit; mapped at %s", where, map->where);
	if (map->dir == DMA_TO_DEVICE || map->bounced || map->dev->strategy == &dma_bounce)
		for (unsigned i = 0; i < h->n; i++)
			changed |= sum(&h->piece[i]) != h->piece[i].sum;
	if (changed)
		report(map->dev,
			"unmap at %s of what the CPU wrote while the device had it; mapped at %s",
			where, map->where);
	release(h);
	return true;
}

bool
dma_check_alloc(struct device *dev, void *va, size_t len, const iova_t *iova, const char *where)
{
	struct dma_held *h = kmalloc(sizeof(*h) + DIV_UP(len, PAGE_SIZE) * sizeof(h->piece[0]));

	if (!h)
		return false;
	h->dev = dev;
	h->where = where;
	h->dir = DMA_BIDIRECTIONAL;
	h->va = va;
	h->len = len;
	h->iova = *iova;
	add_pieces(h, virt_to_phys(va), len);
	hold(h);
	return true;
}

bool
dma_check_free(struct device **dev, void *va, size_t *len, iova_t *iova, const char *where)
{
	struct dma_held *h = NULL;

	spin_lock(&held.lock);
	list_for_each (it, &held.all) {
		struct dma_held *i = list_entry(it, struct dma_held, link);
		if (!i->map && i->va == va)
			h = i;
	}
	spin_unlock(&held.lock);
	if (!h) {
		report(*dev, "free at %s of what is not allocated", where);
		return false;
	}
	if (*dev != h->dev || *len != h->len || iova->v != h->iova.v)
		report(*dev,
			"free at %s of %zu bytes at iova 0x%lx; allocated for %s at %s: %zu "
			"bytes at iova 0x%lx",
			where, *len, iova->v, h->dev->name, h->where, h->len, h->iova.v);
	*dev = h->dev;
	*len = h->len;
	*iova = h->iova;
	release(h);
	return true;
}

/* Takes one thing that the device holds off the lists; NULL if there is none. */
static struct dma_held *
take_one(const struct device *dev)
{
	struct dma_held *found = NULL;

	spin_lock(&held.lock);
	list_for_each (it, &held.all)
		if (list_entry(it, struct dma_held, link)->dev == dev)
			found = list_entry(it, struct dma_held, link);
	if (found)
		unhold(found);
	spin_unlock(&held.lock);
	return found;
}

void
dma_check_detach(struct device *dev)
{
	struct dma_held *h;

	while ((h = take_one(dev))) {
		if (h->map)
			report(dev, "left behind: mapped at %s, by the map made at %s", h->where,
				h->map->created);
		else
			report(dev, "left behind: %zu bytes allocated at %s", h->len, h->where);
		kfree(h);
	}
}

void
dma_check_show(struct text *t)
{
	if (dma_check_on)
		text_printf(t, "dma_check: %lu offences\n", READ_ONCE(held.offences));
}
