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
#include "hal/dma_check.h"
#include "hal/strategy.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"
#include "kernel/trap.h"
#include "kernel/x86.h"

bool dma_check_on = true;

#define LINES     40 /* printed in a second, at most; all are counted */
#define BUCKETS   256
#define PLACE(at) ((at) ? (at) : "no time")

/* The part of a buffer that lies in one page. */
struct piece {
	struct piece *next; /* in its bucket */
	struct dma_held *of;
	paddr_t from, to;
	bool hidden; /* the CPU faults when it touches it */
	u64 sum;     /* of the bytes, when it was mapped */
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
	struct spinlock lock; /* over all of this; taken with any other */
	struct list all;
	struct piece *bucket[BUCKETS];
	u64 offences, second, lines;
} held = {.lock = SPINLOCK_INIT("dma check"), .all = LIST_INIT(held.all)};

/*
 * Takes a page out of the direct map, or puts it back: who touches it meanwhile runs into a page
 * fault. Other CPUs may still know it for a while. False if it was so already, or without memory.
 */
static bool
hide_page(void *page, bool hide)
{
	static struct spinlock lock = SPINLOCK_INIT("hide");
	struct pt_gather g = {0};
	u64 va = (u64)page, removed = PAGE_SIZE;
	int err;

	spin_lock(&lock);
	err = hide ? pt_unmap(&kernel_pt, va, PAGE_SIZE, &removed, &g)
		   : pt_map(&kernel_pt, va, virt_to_phys(page), PAGE_SIZE, PT_R | PT_W | PT_GLOBAL,
			     &g);
	spin_unlock(&lock);
	invlpg(va); /* what is not there is never cached: nobody has to forget that */
	return !err && removed;
}

/* Counts an offence, and says it in one line. */
static void report(const struct device *dev, const char *fmt, ...) PRINTF(2, 3);
static void
report(const struct device *dev, const char *fmt, ...)
{
	char line[200] = "";
	struct text t = {.buf = line, .size = sizeof(line) - 1};
	u64 second = timer_ns() / 1000000000;
	bool quiet;

	text_args(&t, fmt);
	spin_lock(&held.lock);
	held.offences++;
	held.lines = second == held.second ? held.lines + 1 : 1;
	held.second = second;
	quiet = held.lines > LINES;
	spin_unlock(&held.lock);
	if (!quiet)
		pr_err("dma_check: %s: %s", dev->name, line);
}

static struct piece **
bucket(paddr_t pa)
{
	return &held.bucket[(pa >> PAGE_SHIFT) % BUCKETS];
}

/* What is held in [from, to), within a page, beside `but`, and conflicts with dir. Locked. */
static struct dma_held *
find(paddr_t from, paddr_t to, const struct dma_held *but, unsigned dir)
{
	struct piece *p = *bucket(from);

	while (p && (p->from >= to || p->to <= from || p->of == but ||
			    (dir | p->of->dir) == DMA_TO_DEVICE))
		p = p->next;
	return p ? p->of : NULL;
}

/*
 * Looks for what is held in [from, to), as find(). The first of several calls that finds something
 * copies it into *first; and the CPU may touch it again, for something else is wrong with it.
 */
static void
note(paddr_t from, paddr_t to, const struct dma_held *but, unsigned dir, struct dma_held *first)
{
	struct dma_held *h = find(from, to, but, dir);

	if (h)
		hide_page(phys_to_virt(ROUND_DOWN(from, PAGE_SIZE)), false);
	if (h && !first->dev)
		*first = *h;
}

static u64
sum(const struct piece *p)
{
	u64 s = 0;

	for (paddr_t at = p->from; at < p->to; at++)
		s = s * 31 + *(u8 *)phys_to_virt(at);
	return s;
}

static struct dma_held *
held_new(struct device *dev, enum dma_dir dir, const char *where, unsigned pages)
{
	struct dma_held *h = kmalloc(sizeof(*h) + pages * sizeof(h->piece[0]));

	if (h) {
		h->dev = dev;
		h->dir = dir;
		h->where = where;
		h->commits = READ_ONCE(dev->client->commits);
	}
	return h;
}

/* Adds a buffer to what h holds, page by page. */
static void
add(struct dma_held *h, const void *va, size_t len)
{
	paddr_t pa = virt_to_phys(va), end = pa + len;

	while (pa < end) {
		struct piece *p = &h->piece[h->n++];

		*p = (struct piece){.of = h, .from = pa};
		pa = p->to = MIN(ROUND_DOWN(pa, PAGE_SIZE) + PAGE_SIZE, end);
	}
}

/* From now on the device holds it; whether nobody else does. */
static bool
hold(struct dma_held *h)
{
	struct dma_held first = {0};

	spin_lock(&held.lock);
	for (struct piece *p = h->piece; p < h->piece + h->n; p++) {
		note(p->from, p->to, h, h->dir, &first);
		p->next = *bucket(p->from);
		*bucket(p->from) = p;
	}
	list_add_tail(&held.all, &h->link);
	spin_unlock(&held.lock);
	if (first.dev)
		report(h->dev, "mapped at %s: overlaps what %s maps at %s, and one writes",
			h->where, first.dev->name, first.where);
	return !first.dev;
}

/* Whole pages that only the device writes: the CPU shall not touch them. */
static void
hide(struct dma_held *h)
{
	spin_lock(&held.lock);
	for (struct piece *p = h->piece; p < h->piece + h->n; p++)
		if (p->to - p->from == PAGE_SIZE && frame_owner_of(p->from) != FRAME_RESERVED)
			p->hidden = hide_page(phys_to_virt(p->from), true);
	spin_unlock(&held.lock);
}

/* The CPU has touched memory that is not there, by code at `rip`; true if now it is. */
static bool
touched(u64 va, bool write, u64 rip)
{
	paddr_t pa = va - DIRECT_BASE, page = ROUND_DOWN(pa, PAGE_SIZE);
	struct dma_held of = {0};
	u64 offset = 0;
	const char *name = symbol_of(rip, &offset);

	if (va < DIRECT_BASE || va >= IOMAP_BASE || !mem_is_ram(pa))
		return false;
	spin_lock(&held.lock);
	for (struct piece *p = *bucket(page); p; p = p->next)
		if (p->hidden && p->from == page)
			of = *p->of;
	hide_page(phys_to_virt(page), false);
	spin_unlock(&held.lock);
	if (of.dev) /* else it was unmapped just now */
		report(of.dev, "%s+0x%lx %s what the device has; mapped at %s", name ? name : "?",
			offset, write ? "writes" : "reads", of.where);
	return true;
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
		if (p->hidden)
			hide_page(phys_to_virt(p->from), false);
	}
	list_remove(&h->link);
	if (h->map)
		h->map->held = NULL;
}

/* Takes one thing off the lists: all that dev holds, or the ring at va. NULL: there is none. */
static struct dma_held *
take(const struct device *dev, const void *va)
{
	struct dma_held *found = NULL;

	spin_lock(&held.lock);
	list_for_each (it, &held.all) {
		struct dma_held *h = list_entry(it, struct dma_held, link);

		if (va ? h->va == va : h->dev == dev)
			found = h;
	}
	if (found)
		unhold(found);
	spin_unlock(&held.lock);
	return found;
}

static void
release(struct dma_map *map)
{
	struct dma_held *h = map->held;

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
	struct dma_held first = {0};
	u64 offset = 0;
	const char *name;

	spin_lock(&held.lock);
	for (paddr_t at = pa, next; at < pa + len; at = next) {
		next = MIN(ROUND_DOWN(at, PAGE_SIZE) + PAGE_SIZE, pa + len);
		note(at, next, NULL, DMA_BIDIRECTIONAL, &first);
	}
	spin_unlock(&held.lock);
	if (!first.dev)
		return;
	name = symbol_of((u64)by, &offset);
	report(first.dev, "%s+0x%lx frees memory that is mapped at %s", name ? name : "?", offset,
		first.where);
}

void
dma_check_init(void)
{
	char want[4];

	if (boot_option("dma_check", want, sizeof(want)))
		dma_check_on = want[0] != '0';
	if (!dma_check_on)
		return;
	free_watch = freed;
	touch_watch = touched;
}

/* What is wrong with a buffer; NULL: nothing. *none: the CPU cannot read all of it, either. */
static const char *
wrong_memory(const struct sg *sg, bool *none)
{
	static const char *const owner[FRAME_NOWNERS] = {[FRAME_FREE] = "free memory",
		[FRAME_STACK] = "a stack",
		[FRAME_TABLE] = "a page table"};
	extern char __text_start[], __rodata_end[];
	const char *what = NULL;
	u64 va = (u64)sg->va;
	paddr_t pa, end;

	if ((*none = va < DIRECT_BASE || (va >= IOMAP_BASE && va < KERNEL_BASE)))
		return "an address outside of RAM";
	pa = virt_to_phys(sg->va);
	for (end = pa + sg->len; pa < end; pa = ROUND_DOWN(pa, PAGE_SIZE) + PAGE_SIZE) {
		if ((*none = !mem_is_ram(pa)))
			return "memory that is no RAM";
		if (pa >= virt_to_phys(__text_start) && pa < virt_to_phys(__rodata_end))
			what = "the kernel's code or constants";
		else if (owner[frame_owner_of(pa)])
			what = owner[frame_owner_of(pa)];
	}
	return what;
}

int
dma_check_map(struct dma_map *map, const struct sg *sg, unsigned n)
{
	const struct dma_strategy *s = map->dev->strategy;
	unsigned pages = 0;
	bool alone = false;
	int err;

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
	/* Without memory this one goes unwatched. */
	if ((map->held = held_new(map->dev, map->dir, map->where, pages))) {
		map->held->map = map;
		for (unsigned i = 0; i < n; i++)
			add(map->held, sg[i].va, sg[i].len);
		alone = hold(map->held);
		for (unsigned i = 0; i < map->held->n; i++)
			map->held->piece[i].sum = sum(&map->held->piece[i]);
	}
	err = n ? s->map(map, sg, n) : -EINVAL;
	if (!err && alone && map->dir == DMA_FROM_DEVICE && s != &dma_bounce)
		hide(map->held);
	return err;
}

void
dma_check_failed(struct dma_map *map)
{
	release(map);
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
		report(map->dev, "commit of what %s mapped at %s",
			map->failed ? "failed to be" : "is not mapped; last", PLACE(map->where));
	return s->commit ? s->commit(map) : 0;
}

bool
dma_check_unmap(struct dma_map *map, const char *where)
{
	struct dma_held *h = map->held;
	bool changed = false;

	if (!map->in_use) {
		if (map->failed)
			report(map->dev, "unmap at %s of what failed to be mapped at %s", where,
				map->where);
		else
			report(map->dev,
				"unmap at %s of what is not mapped; last mapped at %s, unmapped at "
				"%s",
				where, PLACE(map->where), PLACE(map->unmapped));
		return false;
	}
	map->unmapped = where;
	if (h && h->commits == READ_ONCE(map->dev->client->commits))
		report(map->dev, "unmap at %s without a commit; mapped at %s", where, map->where);
	if (map->dir == DMA_TO_DEVICE || map->bounced || map->dev->strategy == &dma_bounce)
		for (unsigned i = 0; h && i < h->n; i++)
			changed |= sum(&h->piece[i]) != h->piece[i].sum;
	if (changed)
		report(map->dev,
			"unmap at %s of what the CPU wrote while the device had it; mapped at %s",
			where, map->where);
	release(map);
	return true;
}

bool
dma_check_alloc(struct device *dev, void *va, size_t len, const iova_t *iova, const char *where)
{
	struct dma_held *h = held_new(dev, DMA_BIDIRECTIONAL, where, DIV_UP(len, PAGE_SIZE));

	if (!h)
		return false;
	h->va = va;
	h->len = len;
	h->iova = *iova;
	add(h, va, len);
	hold(h);
	return true;
}

bool
dma_check_free(struct device **dev, void *va, size_t *len, iova_t *iova, const char *where)
{
	struct dma_held *h = take(NULL, va);

	if (!h) {
		report(*dev, "free at %s of what is not allocated", where);
		return false;
	}
	if (*dev != h->dev || *len != h->len || iova->v != h->iova.v)
		report(*dev,
			"free at %s of %zu bytes at iova 0x%lx; allocated for %s at %s: "
			"%zu bytes at iova 0x%lx",
			where, *len, iova->v, h->dev->name, h->where, h->len, h->iova.v);
	*dev = h->dev;
	*len = h->len;
	*iova = h->iova;
	kfree(h);
	return true;
}

void
dma_check_detach(struct device *dev)
{
	struct dma_held *h;

	while ((h = take(dev, NULL))) {
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
	text_printf(t, "dma_check: %lu offences\n", READ_ONCE(held.offences));
}
