/* The front of all IOMMU drivers: checks, counters and faults, once for all of them. */
#include "hal/iommu.h"
#include "hal/pciconf.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/trace.h"

static const struct iommu_ops *hw;
const struct irq_remap_ops *irq_remap;
static const char *why_not = "this machine has no IOMMU";
static char units_buf[512];
static struct text units = TEXT_ON(units_buf); /* those in use, a line each */
static struct list domains = LIST_INIT(domains);
static struct spinlock lock = SPINLOCK_INIT("iommu");

/*
 * Domain ids tag what the IOTLB caches, so no two live domains may share one. 0 is reserved
 * (VT-d 6.2.2.1: caching mode).
 */
static bool id_used[1024];
static u16 last_id;

static u64 fault_count;

/* More faults than this of one device in a second, and it is cut off. */
static u64 fault_limit = 1000;

void
iommu_init(bool translate)
{
	char want[8] = "auto";

	fault_limit = boot_number("faults", fault_limit);
	/* LAB 4: step 7, the last: take the next line out, and DMA goes through the IOMMU. */
	/* LAB 4 ELSE
	translate = false;
	LAB 4 END */
	boot_option("iommu", want, sizeof(want));
	section_for_each (struct iommu_driver, d, iommu_driver) {
		if (strcmp(want, "auto") != 0 && strcmp(want, d->ops->name) != 0)
			continue;
		if (d->probe(translate, &irq_remap))
			continue;
		if (translate)
			hw = d->ops;
		else
			why_not = "the IOMMU is not in use (mode=direct)";
		pr_info("iommu: %s, DMA %s, interrupts %s", d->ops->name,
			translate ? "translated" : "direct", irq_remap ? "remapped" : "direct");
		return;
	}
	if (strcmp(want, "none") == 0)
		why_not = "the IOMMU is not in use (iommu=none)";
}

void
iommu_unit(const char *fmt, ...)
{
	size_t before = units.len;

	text_args(&units, fmt);
	pr_info("%s", units.buf + before);
	text_printf(&units, "\n");
}

const struct iommu_ops *
iommu_hw(void)
{
	return hw;
}

const char *
iommu_why_not(void)
{
	return why_not;
}

int
domain_create(const struct iommu_ops *ops, struct domain **out)
{
	struct domain *d = kmalloc(sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->ops = ops;
	d->reach = ops->reach();
	spin_init(&d->lock, "domain");
	spin_lock(&lock);
	d->id = last_id = take_id(id_used, NELEM(id_used), last_id);
	spin_unlock(&lock);
	err = !d->id ? -ENOSPC : ops->domain_init ? ops->domain_init(d) : 0;
	spin_lock(&lock);
	if (!err)
		list_add_tail(&domains, &d->link);
	else if (d->id)
		id_used[d->id] = false;
	spin_unlock(&lock);
	if (err)
		kfree(d);
	else
		*out = d;
	return err;
}

void
domain_destroy(struct domain *d)
{
	ASSERT(!d->attached);
	spin_lock(&lock);
	list_remove(&d->link);
	spin_unlock(&lock);
	pt_gather_free(&d->pt, &d->gather);
	pt_destroy(&d->pt);
	spin_lock(&lock);
	id_used[d->id] = false;
	spin_unlock(&lock);
	kfree(d);
}

int
iommu_attach(struct domain *d, rid_t rid, rid_t alias)
{
	int err;

	if (d->attached)
		return -EEXIST;
	if ((err = d->ops->attach(d, rid)))
		return err;
	if (alias != rid && (err = d->ops->attach(d, alias))) {
		d->ops->detach(d, rid);
		return err;
	}
	d->rid = d->member[0] = rid;
	d->nmembers = d->users = 1;
	d->alias = alias;
	d->attached = true;
	trace_attach_device_to_domain(d->id, rid, 0, 0);
	return 0;
}

void
iommu_detach(struct domain *d)
{
	u64 removed;

	if (!d->attached)
		return;
	for (unsigned i = 0; i < d->nmembers; i++)
		if (d->member[i] != d->alias)
			d->ops->detach(d, d->member[i]);
	d->ops->detach(d, d->alias);
	d->attached = false;
	d->dirty = false;
	if (!d->pt.root)
		return;
	/* Who is attached next must not find what this device had, nor its reserved memory. */
	spin_lock(&d->lock);
	pt_unmap(&d->pt, 0, pt_level_size(d->pt.levels), &removed, &d->gather);
	pt_gather_free(&d->pt, &d->gather);
	spin_unlock(&d->lock);
}

static bool
is_member(const struct domain *d, rid_t rid)
{
	for (unsigned i = 0; i < d->nmembers; i++)
		if (d->member[i] == rid)
			return true;
	return false;
}

/* Who leaves stays a member: his requests may come with the id of the others anyway. */
int
iommu_join(struct domain *d, rid_t rid)
{
	int err = d->nmembers == NELEM(d->member) ? -ENOSPC : 0;

	if (!is_member(d, rid)) {
		if (!err && rid != d->alias)
			err = d->ops->attach(d, rid);
		if (err)
			return err;
		d->member[d->nmembers++] = rid;
	}
	d->users++;
	return 0;
}

bool
iommu_leave(struct domain *d)
{
	if (--d->users)
		return false;
	iommu_detach(d);
	return true;
}

/* Whether a range may be named at all. */
static int
check_range(const struct domain *d, iova_t iova, u32 npages)
{
	if (!d->attached)
		return -ENODEV;
	if (!npages || iova.v & PAGE_MASK)
		return -EINVAL;
	return iova.v >= d->reach || (u64)npages * PAGE_SIZE > d->reach - iova.v ? -ERANGE : 0;
}

static RARE void
invalidate_traced(struct domain *d, u64 start, unsigned order, bool tables)
{
	trace_iommu_sync(d->id, order, start, 0);
	d->ops->invalidate(d, start, order, tables);
	trace_iommu_sync_done(d->id, 0, 0, 0);
}

/*
 * The one place where an invalidation is ordered, and waited for: of the smallest block of 2^order
 * pages that covers [start, end).
 */
static void
invalidate(struct domain *d, u64 start, u64 end, bool tables)
{
	u64 differ = (start ^ (end - 1)) >> PAGE_SHIFT;
	unsigned order = differ ? 64 - __builtin_clzl(differ) : 0;

	__atomic_add_fetch(&d->invalidations, 1, __ATOMIC_RELAXED);
	start = ROUND_DOWN(start, PAGE_SIZE << order);
	if (UNLIKELY(trace_on[TRACE_iommu_sync]))
		invalidate_traced(d, start, order, tables);
	else
		d->ops->invalidate(d, start, order, tables);
}

/* Counts pages that have been mapped. */
static void
count_pages(struct domain *d, u32 npages)
{
	u64 now = __atomic_add_fetch(&d->pages, npages, __ATOMIC_RELAXED);

	if (now > d->peak)
		d->peak = now;
}

/* Counts and traces them; pa: of the first. */
static void
count_mapped(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm)
{
	count_pages(d, npages);
	trace_map(d->id, npages, iova.v, pa | (perm & (IOMMU_READ | IOMMU_WRITE)));
}

/* Counts an unmap; what it names is still there. */
static void
count_unmap(struct domain *d, iova_t iova, u32 npages, bool sync)
{
	__atomic_add_fetch(&d->unmaps, 1, __ATOMIC_RELAXED);
	trace_unmap(d->id, npages, iova.v, sync);
}

/* Counts pages that have been unmapped; without a sync they are pinned until there is one. */
static void
count_unmapped(struct domain *d, u32 npages, bool sync)
{
	__atomic_add_fetch(
		sync ? &d->pages : &d->lazy_pages, sync ? -(u64)npages : npages, __ATOMIC_RELAXED);
}

/* Counts a sync. */
static void
count_sync(struct domain *d)
{
	__atomic_add_fetch(&d->syncs, 1, __ATOMIC_RELAXED);
	if (READ_ONCE(d->lazy_pages))
		__atomic_sub_fetch(&d->pages,
			__atomic_exchange_n(&d->lazy_pages, 0, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}

/* Whether a map may be tried at all; counts it. */
static int
check_map(struct domain *d, iova_t iova, u32 npages, unsigned perm)
{
	int err = check_range(d, iova, npages);

	if (err)
		return err;
	if (!(perm & (IOMMU_READ | IOMMU_WRITE)) || perm & ~(IOMMU_READ | IOMMU_WRITE | PT_FIRST))
		return -EINVAL;
	if (iova.v < MSI_END && iova.v + (u64)npages * PAGE_SIZE > MSI_START)
		return -EINVAL;
	__atomic_add_fetch(&d->maps, 1, __ATOMIC_RELAXED);
	return 0;
}

/* After something was entered. Domain locked. */
static void
finish_map(struct domain *d, iova_t iova, u32 npages, struct pt_gather *g)
{
	/* A map that failed half-way was visible; and where absence is cached, all of it. */
	if (g->start != g->end || d->caches_absence)
		invalidate(d, iova.v, iova.v + (u64)npages * PAGE_SIZE, g->tables);
	pt_gather_free(&d->pt, g);
}

int
iommu_map(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm)
{
	struct pt_gather g = {0};
	int err = check_map(d, iova, npages, perm);

	if (err || pa & PAGE_MASK)
		return err ? err : -EINVAL;
	if (!d->pt.root) {
		err = d->ops->map(d, iova, pa, npages, perm);
	} else {
		/* LAB 4: step 3: into the domain's table, locked; finish_map() looks after the
		 * rest. */
		spin_lock(&d->lock);
		err = pt_map(&d->pt, iova.v, pa, (u64)npages * PAGE_SIZE, perm, &g);
		finish_map(d, iova, npages, &g);
		spin_unlock(&d->lock);
		/* LAB 4 ELSE
		pt_gather_free(&d->pt, &g);
		err = -ENOSYS;
		LAB 4 END */
	}
	if (!err)
		count_mapped(d, iova, pa, npages, perm);
	return err;
}

int
iommu_map_pages(struct domain *d, iova_t iova, const paddr_t pa[], u32 npages, unsigned perm)
{
	struct pt_gather g = {0};
	int err = check_map(d, iova, npages, perm);

	if (err)
		return err;
	spin_lock(&d->lock);
	err = pt_map_pages(&d->pt, iova.v, pa, npages, perm, &g);
	finish_map(d, iova, npages, &g);
	spin_unlock(&d->lock);
	if (!err)
		count_mapped(d, iova, pa[0], npages, perm);
	return err;
}

int
iommu_place(struct domain *d, paddr_t pa, u32 npages, unsigned perm, iova_t *iova)
{
	int err;

	iova->v = pa;
	if (!d->fixed)
		return iommu_map(d, *iova, pa, npages, perm);
	if ((err = d->ops->place(d, pa, npages, perm, iova)))
		return err;
	__atomic_add_fetch(&d->maps, 1, __ATOMIC_RELAXED);
	count_mapped(d, *iova, pa, npages, perm);
	return 0;
}

/* Invalidates what the domain has gathered, waits, and frees what it kept. Domain locked. */
static void
flush_gather(struct domain *d)
{
	struct pt_gather *g = &d->gather;

	/* LAB 5: step 2: if windows were unmapped, all of the domain; else what is gathered. */
	if (d->dirty_all && __atomic_exchange_n(&d->dirty_all, false, __ATOMIC_SEQ_CST))
		invalidate(d, 0, d->reach, true);
	else if (g->start != g->end || g->tables)
		invalidate(d, g->start, g->end, g->tables);
	/* LAB 5 ELSE
	if (g->start != g->end || g->tables)
		invalidate(d, g->start, g->end, g->tables);
	LAB 5 END */
	pt_gather_free(&d->pt, g);
}

int
iommu_unmap(struct domain *d, iova_t iova, u32 npages, bool sync)
{
	u64 len = (u64)npages * PAGE_SIZE, removed;
	int err = check_range(d, iova, npages);

	if (err)
		return err;
	count_unmap(d, iova, npages, sync);
	d->dirty = true;
	if (!d->pt.root) {
		err = d->ops->unmap(d, iova, npages, sync);
	} else {
		/* LAB 4: step 3: out of it; what is not there is -ENOENT; sync means now. */
		spin_lock(&d->lock);
		err = pt_unmap(&d->pt, iova.v, len, &removed, &d->gather);
		if (!err && removed != len)
			err = -ENOENT;
		if (sync)
			flush_gather(d);
		spin_unlock(&d->lock);
		/* LAB 4 ELSE
		removed = 0;
		err = removed == len ? 0 : -ENOSYS;
		LAB 4 END */
	}
	if (!err)
		count_unmapped(d, npages, sync);
	if (sync) {
		d->dirty = false;
		count_sync(d);
	}
	return err;
}

void
iommu_sync(struct domain *d)
{
	if (!d->attached)
		return; /* nothing is cached */
	if (d->pt.root) {
		spin_lock(&d->lock);
		flush_gather(d);
		spin_unlock(&d->lock);
	} else {
		d->ops->sync(d);
	}
	d->dirty = false;
	count_sync(d);
}

int
iommu_batch(struct domain *d, struct iommu_request *r, unsigned n)
{
	int err = 0;

	if (!d->attached || !d->ops->batch) {
		for (unsigned i = 0; i < n; i++) {
			r[i].err = r[i].map ? iommu_map(
						      d, r[i].iova, r[i].pa, r[i].npages, r[i].perm)
					    : iommu_unmap(d, r[i].iova, r[i].npages, false);
			err = err ? err : r[i].err;
		}
		iommu_sync(d);
		return err;
	}
	for (unsigned i = 0; i < n; i++)
		if (!r[i].map)
			count_unmap(d, r[i].iova, r[i].npages, false);
	err = d->ops->batch(d, r, n);
	for (unsigned i = 0; i < n; i++) {
		if (r[i].err)
			continue;
		if (r[i].map)
			count_mapped(d, r[i].iova, r[i].pa, r[i].npages, r[i].perm);
		else
			count_unmapped(d, r[i].npages, false);
	}
	count_sync(d);
	return err;
}

bool
iommu_is_clean(const struct domain *d)
{
	return !READ_ONCE(d->dirty);
}

int
iommu_window_open(struct domain *d, iova_t iova, u32 npages, struct iommu_window *w)
{
	int err = 0;

	*w = (struct iommu_window){.domain = d, .iova = iova, .npages = npages};
	if (!d->pt.root)
		return 0;
	if (iova.v >= d->reach || (u64)npages * PAGE_SIZE > d->reach - iova.v)
		return -ERANGE;
	spin_lock(&d->lock);
	if (!(err = pt_reserve(&d->pt, iova.v, (u64)npages * PAGE_SIZE)) && !d->caches_absence)
		w->entry = pt_entries(&d->pt, iova.v, npages);
	spin_unlock(&d->lock);
	return err;
}

int
iommu_window_map(struct iommu_window *w, u32 at, paddr_t pa, u32 npages, unsigned perm)
{
	struct domain *d = w->domain;

	if (!w->entry || UNLIKELY(trace_on[TRACE_map])) /* a site here would cost registers */
		return iommu_map(d, (iova_t){w->iova.v + (u64)at * PAGE_SIZE}, pa, npages, perm);
	__atomic_add_fetch(&d->maps, 1, __ATOMIC_RELAXED);
	if (!pt_fill(&d->pt, w->entry + at, pa, npages, perm))
		return -EEXIST;
	count_pages(d, npages);
	return 0;
}

int
iommu_window_unmap(struct iommu_window *w, u32 npages, bool sync)
{
	struct domain *d = w->domain;
	unsigned mapped;

	if (!w->entry)
		return iommu_unmap(d, w->iova, npages, sync);
	count_unmap(d, w->iova, npages, sync);
	mapped = pt_clear(&d->pt, w->entry, npages);
	count_unmapped(d, mapped, sync);
	if (sync) {
		count_sync(d);
		invalidate(d, w->iova.v, w->iova.v + (u64)npages * PAGE_SIZE, false);
	} else {
		/* LAB 5: step 2: no range is kept: who syncs later must know that all is to go. */
		WRITE_ONCE(d->dirty_all, true);
		/* LAB 5 ELSE
		LAB 5 END */
	}
	return mapped == npages ? 0 : -ENOENT;
}

unsigned
iommu_reserved(rid_t rid, struct iova_range *range, unsigned max)
{
	return hw && hw->reserved ? hw->reserved(rid, range, max) : 0;
}

/* The domain whose device a fault is of; NULL if it has none. Lock held. */
static struct domain *
owner_of(rid_t rid)
{
	return list_find(struct domain, link, &domains, d,
		d->attached && (d->alias == rid || is_member(d, rid)));
}

/* Counts a fault of the owner's and tells him; whether it was one too many. Lock held. */
static bool
charge(struct domain *d, const struct iommu_fault *f, u64 second)
{
	/* LAB 6: step 3: count; one more than fault_limit in a second, and the bus is gone. */
	bool cut;

	d->faults++;
	d->burst = d->second == second ? d->burst + 1 : 1;
	d->second = second;
	cut = d->burst == fault_limit + 1;
	if (d->on_fault)
		d->on_fault(d->owner, f, cut);
	else
		for (unsigned i = 0; cut && i < d->nmembers; i++)
			pci_command(d->member[i], CMD_MASTER, 0);
	return cut;
	/* LAB 6 ELSE
	return false;
	LAB 6 END */
}

/* A device that faults without end must not drown the log: so many lines a second. */
#define FAULT_LINES_PER_SECOND 20

void
iommu_report(const struct iommu_fault *f)
{
	static u64 second, lines, dropped;
	u64 now = timer_ns() / 1000000000;
	struct domain *owner;
	bool cut;
	rid_t rid = f->rid;

	__atomic_add_fetch(&fault_count, 1, __ATOMIC_RELAXED);
	trace_io_page_fault(f->rid, f->reason, f->iova.v, f->write);
	if (now != second) {
		if (dropped)
			pr_warn("iommu: %lu more faults not shown", dropped);
		second = now;
		lines = dropped = 0;
	}
	if (lines++ < FAULT_LINES_PER_SECOND)
		pr_warn("iommu: fault: device " RID_FMT " %s iova 0x%lx: reason %u (%s)",
			RID_ARGS(f->rid), f->write ? "write" : "read", f->iova.v, f->reason,
			f->text);
	else
		dropped++;

	spin_lock(&lock);
	owner = owner_of(f->rid);
	if ((cut = owner && charge(owner, f, now)))
		rid = owner->rid;
	spin_unlock(&lock);
	if (cut)
		pr_err("iommu: device " RID_FMT " faults without end: cut off, until it changes "
		       "hands or is permitted again",
			RID_ARGS(rid));
}

static void
show_iommu(struct text *t)
{
	text_printf(t, "hardware %s, interrupts %s, faults %lu\n%s", hw ? hw->name : why_not,
		irq_remap ? "remapped" : "direct", fault_count, units.buf);
	text_printf(t, "%-6s %-6s %-8s %10s %10s %10s %8s %8s %7s\n", "DOMAIN", "DRIVER", "DEVICE",
		"MAPS", "UNMAPS", "INVALID.", "PAGES", "FAULTS", "TABLES");
	spin_lock(&lock);
	list_for_each (it, &domains) {
		struct domain *d = list_entry(it, struct domain, link);
		char rid[9] = "-";
		if (d->attached)
			snprintf(rid, sizeof(rid), RID_FMT "%s", RID_ARGS(d->rid),
				d->users > 1 ? "+" : "");
		text_printf(t, "%-6u %-6s %-8s %10lu %10lu %10lu %8lu %8lu %7u\n", d->id,
			d->ops->name, rid, d->maps, d->unmaps, d->invalidations, d->pages,
			d->faults, d->pt.tables);
	}
	spin_unlock(&lock);
}
PROC_FILE("iommu", show_iommu);
