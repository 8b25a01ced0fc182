/*
 * Intel VT-d: DMA and interrupt remapping, legacy mode, queued invalidation. Sections are those of
 * the "Virtualization Technology for Directed I/O" specification, revision 3.3.
 */
#include "hal/acpi.h"
#include "hal/apic.h"
#include "hal/iommu.h"
#include "hal/irq.h"
#include "hal/timer.h"
#include "kernel/abi.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/x86.h"

/* Registers, 11.4. */
enum {
	CAP = 0x08,
	ECAP = 0x10,
	GCMD = 0x18,
	GSTS = 0x1c,
	RTADDR = 0x20,
	FSTS = 0x34,
	FECTL = 0x38,
	FEDATA = 0x3c,
	FEADDR = 0x40,
	FEUADDR = 0x44,
	IQH = 0x80,
	IQT = 0x88,
	IQA = 0x90,
	IRTA = 0xb8,
};
#define CAP_CM(c)    ((c) >> 7 & 1)
#define CAP_SAGAW(c) ((c) >> 8 & 31)
#define CAP_FRO(c)   (((c) >> 24 & 0x3ff) * 16)
#define CAP_SLLPS(c) ((c) >> 34 & 3)           /* bit 0: 2 MiB pages, bit 1: 1 GiB */
#define CAP_ND(c)    (1u << (4 + 2 * ((c)&7))) /* domain ids */
#define CAP_RWBF(c)  ((c) >> 4 & 1)
#define CAP_DWD(c)   ((c) >> 54 & 1)
#define CAP_DRD(c)   ((c) >> 55 & 1)
#define CAP_PSI(c)   ((c) >> 39 & 1)
#define CAP_NFR(c)   (((c) >> 40 & 0xff) + 1)
#define CAP_MAMV(c)  ((c) >> 48 & 63)
#define ECAP_C(e)    ((e)&1)
#define ECAP_QI(e)   ((e) >> 1 & 1)
#define ECAP_IR(e)   ((e) >> 3 & 1)
/* GCMD and GSTS, 11.4.4: the same bits. */
#define G_TE       BIT(31)
#define G_SRTP     BIT(30)
#define G_QIE      BIT(26)
#define G_IRE      BIT(25)
#define G_SIRTP    BIT(24)
#define G_ONE_SHOT 0x96ffffff /* clears the bits that command once */
#define FSTS_PFO   BIT(0)
#define FSTS_PPF   BIT(1)
#define FSTS_IQE   BIT(4)

/* Invalidation descriptors, 6.5.2: type in bits 3:0, granularity in 5:4. */
enum { INV_CONTEXT = 1, INV_IOTLB = 2, INV_INTERRUPT = 4, INV_WAIT = 5 };
enum { GRAN_GLOBAL = 1 << 4, GRAN_DOMAIN = 2 << 4, GRAN_DEVICE = 3 << 4, GRAN_PAGE = 3 << 4 };
enum { INV_INTERRUPT_ONE = 1 << 4, WAIT_STATUS_WRITE = 1 << 5 };
/* Interrupt remapping entry, 9.10. */
#define IRTE_PRESENT    1UL
#define IRTE_CHECK_SID  (1UL << 18) /* SVT 01: only this source, all 16 bits */
#define CONTEXT_PRESENT 1UL         /* 9.3; translation type 00: by the table */

#define WAIT_LIMIT_NS 1000000000UL /* for any answer of the unit */
#define QUEUE_ENTRIES 256          /* invalidation descriptors: one page */
#define IRTE_ENTRIES  256          /* interrupt remapping entries: one page */

struct context_entry { /* 9.3 */
	u64 lo, hi;
};
struct irte { /* 9.10 */
	u64 lo, hi;
};
_Static_assert(sizeof(struct context_entry) == 16 && sizeof(struct irte) == 16, "VT-d 9");

static struct {
	volatile u8 *reg;
	u64 cap, ecap;
	unsigned levels;
	u64 *root; /* 256 root entries of 16 bytes (9.1) */
	struct irte *irt;
	struct {
		bool used;
		u16 sid, index;
	} irt_owner[IRTE_ENTRIES];
	u16 ioapic_rid[16];   /* source id by IOAPIC id; 0: unknown */
	struct spinlock lock; /* over the queue, the root and context tables, and the IRT */
	u64 (*queue)[2];
	unsigned tail;
	volatile u32 *done; /* where the unit writes the number of the last wait */
	u32 waits;
	bool broken;
} vtd = {.lock = SPINLOCK_INIT("vtd")};

static u32
read32(unsigned reg)
{
	return *(volatile u32 *)(vtd.reg + reg);
}

static void
write32(unsigned reg, u32 v)
{
	*(volatile u32 *)(vtd.reg + reg) = v;
}

static u64
read64(unsigned reg)
{
	return *(volatile u64 *)(vtd.reg + reg);
}

static void
write64(unsigned reg, u64 v)
{
	*(volatile u64 *)(vtd.reg + reg) = v;
}

/* Sets one bit of the global command register and waits until the status shows it. */
static bool
command(u32 bit, bool on)
{
	u64 deadline = timer_ns() + WAIT_LIMIT_NS;

	write32(GCMD, (read32(GSTS) & G_ONE_SHOT & ~bit) | (on ? bit : 0));
	while (!!(read32(GSTS) & bit) != on) {
		if (timer_ns() > deadline) {
			pr_err("vtd: command 0x%x: no answer", bit);
			return false;
		}
		pause();
	}
	return true;
}

/* Memory that the unit reads: flush it if the unit does not snoop our caches (ECAP.C = 0). */
static void
flush(const void *p, size_t n)
{
	if (!ECAP_C(vtd.ecap))
		for (const char *c = p; c < (const char *)p + n; c += 64)
			clflush(c);
}

/* Puts a descriptor into the invalidation queue (6.5.2). Lock held. */
static void
queue_put(u64 lo, u64 hi)
{
	vtd.queue[vtd.tail][0] = lo;
	vtd.queue[vtd.tail][1] = hi;
	flush(vtd.queue[vtd.tail], 16);
	vtd.tail = (vtd.tail + 1) % QUEUE_ENTRIES;
}

/* Has the unit work off the queue and waits until it has (6.5.2.8). Lock held. */
static void
queue_run(void)
{
	u64 deadline = timer_ns() + WAIT_LIMIT_NS;
	u32 number = ++vtd.waits;

	queue_put(INV_WAIT | WAIT_STATUS_WRITE | (u64)number << 32, virt_to_phys((void *)vtd.done));
	write64(IQT, vtd.tail << 4);
	while (*vtd.done != number) {
		if (read32(FSTS) & FSTS_IQE || timer_ns() > deadline) {
			/* A unit that does not invalidate must not let anything through. */
			panic("vtd: invalidation failed (fault status 0x%x)", read32(FSTS));
		}
		pause();
	}
}

/* Descriptors, 6.5.2.1 to 6.5.2.3. Lock held. */
static void
invalidate_context(rid_t rid, u16 domain)
{
	queue_put(INV_CONTEXT | GRAN_DEVICE | (u64)domain << 16 | (u64)rid << 32, 0);
}

/* DMA already translated is drained too, where the unit can: else it could still arrive later. */
static u64
drain(void)
{
	return CAP_DWD(vtd.cap) << 6 | CAP_DRD(vtd.cap) << 7;
}

static void
invalidate_domain(u16 domain)
{
	queue_put(INV_IOTLB | GRAN_DOMAIN | drain() | (u64)domain << 16, 0);
}

/* One block of 2^order pages that covers [start, end). */
static void
invalidate_pages(u16 domain, u64 start, u64 end)
{
	unsigned order = 0;

	while (ROUND_DOWN(start, PAGE_SIZE << order) + (PAGE_SIZE << order) < end)
		order++;
	if (!CAP_PSI(vtd.cap) || order > CAP_MAMV(vtd.cap))
		invalidate_domain(domain);
	else
		queue_put(INV_IOTLB | GRAN_PAGE | drain() | (u64)domain << 16,
			ROUND_DOWN(start, PAGE_SIZE << order) | order);
}

static u64
vtd_reach(void)
{
	return pt_level_size(vtd.levels);
}

static int
vtd_domain_init(struct domain *d)
{
	int err;

	if (d->id >= CAP_ND(vtd.cap))
		return -ENOSPC;
	err = pt_init(&d->pt, &pt_fmt_vtd, vtd.levels, !ECAP_C(vtd.ecap));
	d->pt.leaf_levels = 1 | CAP_SLLPS(vtd.cap) << 1;
	return err;
}

static void
vtd_domain_fini(struct domain *d)
{
	pt_gather_free(&d->pt, &d->gather);
	pt_destroy(&d->pt);
}

/* The context entry of a device; makes the bus's table if need be. NULL without memory. */
static struct context_entry *
context_of(rid_t rid)
{
	u64 *root = vtd.root + 2 * RID_BUS(rid);
	struct context_entry *table;

	if (!(root[0] & 1)) {
		if (!(table = page_alloc(FRAME_TABLE)))
			return NULL;
		flush(table, PAGE_SIZE);
		root[0] = virt_to_phys(table) | 1;
		flush(root, 16);
	}
	table = phys_to_virt(root[0] & ~PAGE_MASK);
	return &table[rid & 0xff];
}

static int
vtd_attach(struct domain *d, rid_t rid)
{
	struct context_entry *c;
	int err = 0;

	spin_lock(&vtd.lock);
	if (!(c = context_of(rid))) {
		err = -ENOMEM;
	} else if (c->lo & CONTEXT_PRESENT) {
		err = -EEXIST;
	} else {
		/* Present last: the unit may read the entry between the two stores. */
		WRITE_ONCE(c->hi, (u64)d->id << 8 | (vtd.levels - 2));
		WRITE_ONCE(c->lo, d->pt.root_pa | CONTEXT_PRESENT);
		flush(c, sizeof(*c));
		/* Caching mode (6.1): also what was not present may be cached, as domain 0. */
		invalidate_context(rid, CAP_CM(vtd.cap) ? 0 : d->id);
		queue_run(); /* first: the IOTLB could be filled again from a stale context */
		invalidate_domain(d->id);
		queue_run();
	}
	spin_unlock(&vtd.lock);
	return err;
}

static void
vtd_detach(struct domain *d, rid_t rid)
{
	struct context_entry *c;

	spin_lock(&vtd.lock);
	c = context_of(rid);
	WRITE_ONCE(c->lo, 0);
	WRITE_ONCE(c->hi, 0);
	flush(c, sizeof(*c));
	invalidate_context(rid, d->id);
	queue_run();
	invalidate_domain(d->id);
	queue_run();
	spin_unlock(&vtd.lock);
}

/* Invalidates what the domain's gather names, waits, and frees what it kept. Domain locked. */
static void
flush_gather(struct domain *d)
{
	if (d->gather.start != d->gather.end || d->gather.tables) {
		spin_lock(&vtd.lock);
		if (d->gather.tables) /* table pages went: their cached copies too */
			invalidate_domain(d->id);
		else
			invalidate_pages(d->id, d->gather.start, d->gather.end);
		queue_run();
		spin_unlock(&vtd.lock);
	}
	pt_gather_free(&d->pt, &d->gather);
}

static int
vtd_map(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm)
{
	struct pt_gather g = {0};
	int err;

	spin_lock(&d->lock);
	err = pt_map(&d->pt, iova.v, pa, (u64)npages * PAGE_SIZE, perm, &g);
	if (g.start != g.end || CAP_CM(vtd.cap)) {
		/* A map that failed half-way was visible; in caching mode absence is cached. */
		spin_lock(&vtd.lock);
		invalidate_pages(d->id, iova.v, iova.v + (u64)npages * PAGE_SIZE);
		queue_run();
		spin_unlock(&vtd.lock);
	}
	pt_gather_free(&d->pt, &g);
	spin_unlock(&d->lock);
	return err;
}

static int
vtd_unmap(struct domain *d, iova_t iova, u32 npages, bool sync)
{
	u64 len = (u64)npages * PAGE_SIZE, removed;
	int err;

	spin_lock(&d->lock);
	err = pt_unmap(&d->pt, iova.v, len, &removed, &d->gather);
	if (sync)
		flush_gather(d);
	spin_unlock(&d->lock);
	return err ? err : removed == len ? 0 : -ENOENT;
}

static void
vtd_sync(struct domain *d)
{
	spin_lock(&d->lock);
	flush_gather(d);
	spin_unlock(&d->lock);
}

static const struct iommu_ops vtd_ops = {
	.name = "vtd",
	.domain_init = vtd_domain_init,
	.domain_fini = vtd_domain_fini,
	.attach = vtd_attach,
	.detach = vtd_detach,
	.map = vtd_map,
	.unmap = vtd_unmap,
	.sync = vtd_sync,
	.reach = vtd_reach,
};

/* Reasons, 7.2.3 table 25 and 7.3: those that a legacy-mode table can cause. */
static const char *
reason_text(u8 reason)
{
	static const char *const text[] = {[1] = "no root entry",
		[2] = "device attached nowhere",
		[3] = "bad context entry",
		[4] = "address beyond the table's reach",
		[5] = "write not permitted",
		[6] = "read not permitted",
		[7] = "bad table address",
		[8] = "bad root table",
		[9] = "bad context table",
		[10] = "reserved bit in root entry",
		[11] = "reserved bit in context entry",
		[12] = "reserved bit in page table",
		[0x20] = "reserved bit in interrupt request",
		[0x21] = "interrupt index out of range",
		[0x22] = "interrupt entry not present",
		[0x25] = "interrupt request not remappable",
		[0x26] = "interrupt from the wrong device"};

	return reason < NELEM(text) && text[reason] ? text[reason] : "see VT-d 7.2.3";
}

/* Reads, clears and reports every fault record (11.4.14). */
static void
read_faults(void)
{
	unsigned base = CAP_FRO(vtd.cap);

	for (unsigned i = 0; i < CAP_NFR(vtd.cap); i++) {
		u64 lo = read64(base + 16 * i), hi = read64(base + 16 * i + 8);
		struct iommu_fault f;

		if (!(hi >> 63))
			continue;
		write32(base + 16 * i + 12, 1u << 31);
		/* QEMU 7.2: bits 55:40 of the high word read as ones; only 39:32 are the reason. */
		f.reason = hi >> 32 & 0xff;
		f.rid = hi & 0xffff;
		f.iova.v = lo & ~PAGE_MASK;
		f.write = !(hi >> 62 & 1);
		f.text = reason_text(f.reason);
		iommu_report(&f);
	}
	write32(FSTS, FSTS_PFO); /* an overflow is cleared by writing 1 */
}

static void
fault_interrupt(void *arg)
{
	/* No new interrupt comes while a record is pending, so none may be left; but not for ever.
	 */
	for (int i = 0; i < 64; i++) {
		read_faults();
		if (!(read32(FSTS) & FSTS_PPF))
			break;
	}
}

static int
start_queue(void)
{
	vtd.queue = page_alloc(FRAME_TABLE);
	vtd.done = page_alloc(FRAME_TABLE);
	if (!vtd.queue || !vtd.done)
		return -ENOMEM;
	write64(IQT, 0);
	write64(IQA, virt_to_phys(vtd.queue)); /* 128-bit descriptors, 256 of them */
	return command(G_QIE, true) ? 0 : -EIO;
}

static int
start_translation(void)
{
	if (!(vtd.root = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	flush(vtd.root, PAGE_SIZE);
	write64(RTADDR, virt_to_phys(vtd.root));
	if (!command(G_SRTP, true))
		return -EIO;
	/* 6.6: after a new root table, context cache and IOTLB globally. */
	spin_lock(&vtd.lock);
	queue_put(INV_CONTEXT | GRAN_GLOBAL, 0);
	queue_run(); /* first: the IOTLB could be filled again from a stale context */
	queue_put(INV_IOTLB | GRAN_GLOBAL | drain(), 0);
	queue_run();
	spin_unlock(&vtd.lock);
	return command(G_TE, true) ? 0 : -EIO;
}

static int
start_interrupt_remapping(void)
{
	if (!(vtd.irt = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	flush(vtd.irt, PAGE_SIZE);
	write64(IRTA, virt_to_phys(vtd.irt) | 7); /* 2^(7+1) entries */
	if (!command(G_SIRTP, true))
		return -EIO;
	spin_lock(&vtd.lock);
	queue_put(INV_INTERRUPT, 0); /* all entries */
	queue_run();
	spin_unlock(&vtd.lock);
	return command(G_IRE, true) ? 0 : -EIO;
}

/*
 * Finds or takes the entry of message `index` of source `sid`, points it to vector and CPU, and
 * lets only that source use it (9.10: SVT 01). Returns its number or -ENOMEM.
 */
static int
route(u16 sid, u16 index, u8 vector, u32 apic_id)
{
	int n = -ENOMEM;

	spin_lock(&vtd.lock);
	for (int i = 0; i < IRTE_ENTRIES; i++) {
		bool same = vtd.irt_owner[i].used && vtd.irt_owner[i].sid == sid &&
			    vtd.irt_owner[i].index == index;
		if (same || (n < 0 && !vtd.irt_owner[i].used))
			n = i;
		if (same)
			break;
	}
	if (n >= 0) {
		struct irte *e = &vtd.irt[n];
		vtd.irt_owner[n].used = true;
		vtd.irt_owner[n].sid = sid;
		vtd.irt_owner[n].index = index;
		WRITE_ONCE(e->lo, 0);
		WRITE_ONCE(e->hi, sid | IRTE_CHECK_SID);
		/* Present last. */
		WRITE_ONCE(e->lo, IRTE_PRESENT | (u64)vector << 16 | (u64)apic_id << 40);
		flush(e, sizeof(*e));
		queue_put(INV_INTERRUPT | INV_INTERRUPT_ONE | (u64)n << 32, 0);
		queue_run();
	}
	spin_unlock(&vtd.lock);
	return n;
}

/* The message of a remapped interrupt, 5.1.2.2: the entry's number instead of vector and CPU. */
static int
vtd_route_msi(rid_t rid, unsigned index, u8 vector, u32 apic_id, struct msi_msg *m)
{
	int n = route(rid, index, vector, apic_id);

	if (n < 0)
		return n;
	m->addr = MSI_START | 1 << 4 | (u64)(n & 0x7fff) << 5 | (u64)(n >> 15) << 2;
	m->data = 0;
	return 0;
}

static void
vtd_unroute_msi(rid_t rid, unsigned index)
{
	spin_lock(&vtd.lock);
	for (unsigned i = 0; i < IRTE_ENTRIES; i++) {
		if (!vtd.irt_owner[i].used || vtd.irt_owner[i].sid != rid ||
			vtd.irt_owner[i].index != index)
			continue;
		WRITE_ONCE(vtd.irt[i].lo, 0);
		flush(&vtd.irt[i], 16);
		queue_put(INV_INTERRUPT | INV_INTERRUPT_ONE | (u64)i << 32, 0);
		queue_run();
		vtd.irt_owner[i].used = false;
	}
	spin_unlock(&vtd.lock);
}

/* The IOAPIC's redirection entry in remappable form, 5.1.5.1. */
static int
vtd_route_ioapic(u8 ioapic_id, u8 vector, u32 apic_id, u64 *entry)
{
	u16 sid = ioapic_id < NELEM(vtd.ioapic_rid) ? vtd.ioapic_rid[ioapic_id] : 0;
	int n;

	if (!sid)
		return -ENODEV;
	if ((n = route(sid, vector, vector, apic_id)) < 0)
		return n;
	*entry = (u64)(n & 0x7fff) << 49 | 1UL << 48 | (u64)(n >> 15) << 11 | vector;
	return 0;
}

static const struct irq_remap_ops vtd_remap = {vtd_route_msi, vtd_unroute_msi, vtd_route_ioapic};

/* Device scopes of a DRHD (8.3.1): of interest are the IOAPICs, whose requester ids they tell. */
static void
read_scopes(const u8 *at, const u8 *end)
{
	for (; end - at >= 8 && at[1] >= 8 && at[1] <= end - at; at += at[1])
		if (at[0] == 3 && at[4] < NELEM(vtd.ioapic_rid))
			vtd.ioapic_rid[at[4]] = RID(at[5], at[6], at[7]);
}

/*
 * The DMAR table (8.1): the remapping unit's register address, 0 if there is none. With several,
 * each would have to be found and programmed: a device under another unit would go untranslated.
 */
static u64
find_unit(void)
{
	const struct acpi_header *dmar = acpi_find("DMAR");
	const u8 *at, *end;
	u64 base = 0;

	if (!dmar || dmar->length < 48)
		return 0;
	at = (const u8 *)dmar + 48;
	end = (const u8 *)dmar + dmar->length;
	while (end - at >= 4) { /* records of u16 type, u16 length */
		u16 type, length;
		memcpy(&type, at, 2);
		memcpy(&length, at + 2, 2);
		if (length < 4 || length > end - at)
			break;
		if (type == 0 && length >= 16) {
			if (base) {
				pr_warn("vtd: more than one unit: not used");
				return 0;
			}
			memcpy(&base, at + 8, 8);
			read_scopes(at + 16, at + length);
		}
		at += length;
	}
	return base;
}

static int
vtd_probe(bool translate, const struct irq_remap_ops **remap)
{
	u64 base = find_unit();
	int vector, err;

	if (!base || !(vtd.reg = map_device(base, PAGE_SIZE)))
		return -ENODEV;
	vtd.cap = read64(CAP);
	vtd.ecap = read64(ECAP);
	vtd.levels = CAP_SAGAW(vtd.cap) & BIT(1) ? 3 : CAP_SAGAW(vtd.cap) & BIT(2) ? 4 : 0;
	if (!vtd.levels || !ECAP_QI(vtd.ecap) || CAP_RWBF(vtd.cap)) {
		pr_warn("vtd: unit without queued invalidation or 3 or 4 level tables, or with a "
			"write buffer to flush: not used");
		return -ENODEV;
	}
	/* The firmware may have used it. */
	if (!command(G_TE, false) || !command(G_IRE, false) || !command(G_QIE, false))
		return -EIO;
	if ((err = start_queue()))
		return err;
	/*
	 * The fault interrupt is never remapped (5.1.4). It is set up before translation is on, so
	 * that no fault goes unseen.
	 */
	if ((vector = irq_alloc(fault_interrupt, NULL, "vtd fault")) < 0)
		return vector;
	write32(FEDATA, vector);
	write32(FEADDR, MSI_START | apic_id() << 12);
	write32(FEUADDR, 0);
	write32(FECTL, 0);
	if (ECAP_IR(vtd.ecap)) {
		if ((err = start_interrupt_remapping()))
			return err;
		*remap = &vtd_remap;
	}
	return translate ? start_translation() : 0;
}
IOMMU_DRIVER(vtd_driver) = {&vtd_ops, vtd_probe};
