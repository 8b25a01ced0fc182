/*
 * IOMMUs behind one contract, on both sides of the hypercall: the same struct iommu_ops is
 * implemented by the hardware's drivers and by `pv`, whose map asks the VMM; and the VMM, when
 * asked, calls it on the hardware's driver.
 *
 * The contract:
 *   - A device that is attached nowhere is blocked; a domain is empty when one is attached, but for
 *     what the firmware keeps for it. Without a device map and unmap are -ENODEV.
 *   - What is not aligned, empty or over the interrupt window is -EINVAL, beyond the reach -ERANGE.
 *   - map fails rather than replaces (-EEXIST), and a failed map leaves nothing behind.
 *   - unmap names a range that whole maps fill. If some of it is not mapped that is -ENOENT; what
 *     is mapped in it may or may not be gone then, and nothing else is touched.
 *   - After unmap the device may still use cached translations; when sync (or unmap with sync)
 *     returns it cannot. Only then may the memory be used for something else.
 *
 * Functions here may be called from any thread and do not sleep; but for iommu_report(), not from
 * interrupts. Several threads may map, unmap and sync in one domain.
 *
 * The order of the locks of hal/ and vmm/, outermost first, by the names that the test build's
 * checker prints. What stands in one line is never held together.
 *
 *     vmm, cmdfile       mutexes: vmctl's commands; those of /dev/dma and others
 *     dma maps           mutex, a device's: its maps come and go, or its strategy
 *     dma, iommu         the lists of devices (strategies' tick) and of domains (faults)
 *     dma client, vm     a device's maps and strategy; a VM
 *     pv batch           the page of a batch hypercall
 *     domain             its table
 *     vtd, amdvi         a unit: its queue and its tables
 *     vcpu, irq, iova, dma tick
 *     the kernel's: sleepers, timers, run queue, heap, frames, log, console
 *
 * The fault interrupt takes iommu, then vm: so who holds vm may not create or destroy a domain.
 */
#pragma once

#include "hal/addr.h"
#include "hal/device.h"
#include "hal/pt.h"
#include "kernel/lib.h"
#include "kernel/spinlock.h"

/* What a device may do with a mapping; the same bits as PT_R and PT_W. */
enum { IOMMU_READ = PT_R, IOMMU_WRITE = PT_W };

/* One of several operations that are done at once, in this order, with one sync at the end. */
struct iommu_request {
	bool map;
	u8 perm; /* map */
	u32 npages;
	iova_t iova;
	paddr_t pa; /* map */
	int err;    /* out */
};

struct iommu_fault {
	rid_t rid;
	iova_t iova;
	bool write;
	u8 reason; /* the unit's number */
	const char *text;
};

/* Bus addresses, in bytes. */
struct iova_range {
	u64 start, end;
};

struct domain {
	const struct iommu_ops *ops;
	u16 id;
	bool attached;
	rid_t rid, alias; /* of the device, if attached */
	rid_t member[8];  /* that, and who has joined since */
	u8 nmembers, users;
	void *unit;              /* hardware drivers: theirs, NULL before the first attach */
	u64 reach;               /* highest IOVA + 1 */
	bool fixed;              /* nobody translates: bus addresses are given, not chosen */
	struct spinlock lock;    /* over pt and gather */
	struct pt pt;            /* hardware drivers: the translation table */
	struct pt_gather gather; /* removed since the last sync */
	bool caches_absence;     /* what is not there may be cached too: map invalidates */
	bool dirty_all;          /* windows were unmapped since the last sync */
	/*
	 * Something was removed and the IOTLB may still know it. Exact only for a caller that does
	 * one unmap or sync at a time, as the VMM does: its pins depend on it.
	 */
	bool dirty;
	u64 maps, unmaps, syncs, invalidations, faults;
	u64 pages, peak;   /* reached by the device, and the most since somebody set it to pages */
	u64 lazy_pages;    /* of these, unmapped but not synced */
	u64 second, burst; /* faults counted in that second: past a limit the device is cut off */
	struct list link;
	/*
	 * Who is told of faults; called from an interrupt. `cut`: there are too many, and he has to
	 * take bus mastering from the device. NULL: nobody, and the front does that.
	 */
	void (*on_fault)(void *owner, const struct iommu_fault *f, bool cut);
	void *owner;
};

/*
 * A driver. One for hardware makes d->pt, in domain_init() or when it attaches, and says how to
 * invalidate; what is in the table is the front's work, the same for all. One without a table (pv)
 * does the rest itself.
 */
struct iommu_ops {
	const char *name;                    /* "vtd", "pv" */
	int (*domain_init)(struct domain *); /* may be NULL */
	int (*attach)(struct domain *, rid_t);
	void (*detach)(struct domain *, rid_t);
	u64 (*reach)(void); /* highest IOVA + 1 */
	/*
	 * With a table: on return nothing of the 2^order pages at start, a multiple of that, is
	 * cached any more, and if `tables` no table page that has left the tree.
	 */
	void (*invalidate)(struct domain *, u64 start, unsigned order, bool tables);
	/* Without. */
	int (*map)(struct domain *, iova_t, paddr_t, u32 npages, unsigned perm);
	int (*unmap)(struct domain *, iova_t, u32 npages, bool sync);
	void (*sync)(struct domain *);
	int (*batch)(struct domain *, struct iommu_request *, unsigned n);
	int (*place)(struct domain *, paddr_t, u32 npages, unsigned perm, iova_t *);
	/* What the firmware keeps for the device: how many ranges, at most max. May be NULL. */
	unsigned (*reserved)(rid_t rid, struct iova_range *range, unsigned max);
};

/* A message-signalled interrupt. */
struct msi_msg {
	u64 addr;
	u32 data;
};

/* Interrupt remapping of a hardware unit. rid is who the bus says sends it (an alias); index, of
 * its messages. */
struct irq_remap_ops {
	int (*msi)(rid_t rid, unsigned index, u8 vector, u32 apic_id, struct msi_msg *m);
	void (*msi_free)(rid_t rid, unsigned index);
	int (*ioapic)(u8 ioapic_id, u8 vector, u32 apic_id, u64 *entry);
};

/*
 * A hardware driver. probe() finds and starts the units: *remap is set if they remap interrupts.
 * `translate` false: leave DMA alone (direct mode). Returns 0, or -ENODEV if there is no unit.
 */
struct iommu_driver {
	const struct iommu_ops *ops;
	int (*probe)(bool translate, const struct irq_remap_ops **remap);
};
#define IOMMU_DRIVER(name) SECTION_ELEMENT(struct iommu_driver, iommu_driver, name)

/* Starts the hardware that iommu= allows. */
void iommu_init(bool translate);
/* No hardware: a device reaches all memory, and the table only remembers what was mapped. */
extern const struct iommu_ops iommu_none;
/* The driver of the hardware that translates; NULL if there is none, and why_not says why. */
const struct iommu_ops *iommu_hw(void);
const char *iommu_why_not(void);

int domain_create(const struct iommu_ops *ops, struct domain **d);
/* The domain must be detached. Removes what is still mapped. */
void domain_destroy(struct domain *d);

/*
 * alias: the requester id of what the device sends, if a bridge puts its own there; else rid.
 * -EEXIST if either is attached already. What the firmware keeps for the device is mapped.
 */
int iommu_attach(struct domain *d, rid_t rid, rid_t alias);
/* On return the device is blocked and nothing of it is cached; all who have joined, too. */
void iommu_detach(struct domain *d);
/* A device with the same alias: the IOMMU cannot tell them apart. -ENOSPC. */
int iommu_join(struct domain *d, rid_t rid);
/* One of those who share the domain has gone. With the last, iommu_detach(), and true. */
bool iommu_leave(struct domain *d);
int iommu_map(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm);
/* The same for single pages, wherever they lie. Domains with a table only. */
int iommu_map_pages(struct domain *d, iova_t iova, const paddr_t pa[], u32 npages, unsigned perm);
/*
 * Maps where the memory is: the bus address is the physical one; in a fixed domain the machine's,
 * -ERANGE if the pages do not lie together there. *iova is for unmap.
 */
int iommu_place(struct domain *d, paddr_t pa, u32 npages, unsigned perm, iova_t *iova);
int iommu_unmap(struct domain *d, iova_t iova, u32 npages, bool sync);
void iommu_sync(struct domain *d);
/* All of them, then a sync; in a guest one hypercall. The first error; others go on. */
int iommu_batch(struct domain *d, struct iommu_request *r, unsigned n);
/* Whether everything that was removed is out of the IOTLB too. */
bool iommu_is_clean(const struct domain *d);
/*
 * What the firmware keeps for the device, mapped one to one while it is attached: no address
 * there may be given out. How many ranges, at most max.
 */
unsigned iommu_reserved(rid_t rid, struct iova_range *range, unsigned max);

/* Windows (see struct iommu_window): open fails with -ENOMEM or -ERANGE. */
int iommu_window_open(struct domain *d, iova_t iova, u32 npages, struct iommu_window *w);
/* Pages [at, at+npages) of the window; as iommu_map(). */
int iommu_window_map(struct iommu_window *w, u32 at, paddr_t pa, u32 npages, unsigned perm);
/* The first npages, which are mapped; as iommu_unmap(). */
int iommu_window_unmap(struct iommu_window *w, u32 npages, bool sync);

/* From hardware drivers: a unit that is used now, in words, for the log and /proc/iommu. */
void iommu_unit(const char *fmt, ...) PRINTF(1, 2);
/* From hardware drivers, in their fault interrupt: logs, and tells the device's owner. */
void iommu_report(const struct iommu_fault *f);

/* Interrupt remapping; NULL: messages go where they say. */
extern const struct irq_remap_ops *irq_remap;
static inline bool
iommu_remaps_irqs(void)
{
	return irq_remap;
}
