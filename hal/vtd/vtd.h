/*
 * Intel VT-d, shared by its files: unit.c (the units and their faults), inv.c (how they are made to
 * forget), dma.c (the IOMMU contract), irq.c (interrupt remapping); dmar.c reads the firmware's
 * table. Legacy mode. Sections are those of the "Virtualization Technology for Directed I/O"
 * specification, revision 3.3.
 */
#pragma once

#include "hal/iommu.h"

/*
 * dmar.c: the DMAR table as data: which units there are, which devices are under each, and what
 * memory the firmware keeps for devices. The bytes are the firmware's, so nothing in them is
 * believed unchecked.
 */
#define DMAR_UNITS   16
#define DMAR_REGIONS 16
#define DMAR_SCOPES  128

enum { SCOPE_BRIDGE = 2, SCOPE_IOAPIC = 3 }; /* 8.3.1 */

struct dmar_scope {
	u8 owner; /* a unit's number, or DMAR_UNITS + a region's */
	u8 type;
	u8 id; /* of an IOAPIC: as the MADT has it */
	rid_t rid;
	u8 first_bus, last_bus; /* below a bridge; first > last: none */
};

struct dmar {
	unsigned nunits, nregions, nscopes;
	struct {
		paddr_t base; /* of its registers */
		bool all;     /* INCLUDE_PCI_ALL: every device that no other unit names */
	} unit[DMAR_UNITS];
	struct iova_range region[DMAR_REGIONS]; /* whole pages */
	struct dmar_scope scope[DMAR_SCOPES];
};

/*
 * Reads a table of `len` bytes, header included; `read` is pci_read(), for the buses behind
 * bridges. False if it is malformed or has more than there is room for. Segment 0 only.
 */
bool dmar_parse(struct dmar *d, const void *table, size_t len,
	u32 (*read)(rid_t rid, unsigned offset, unsigned size));
/* The number of the unit that translates for a device; -1: none does. */
int dmar_unit_of(const struct dmar *d, rid_t rid);
/* Whether the firmware keeps region n for this device. */
bool dmar_region_has(const struct dmar *d, unsigned n, rid_t rid);

/* Registers, 11.4. */
enum {
	CAP = 0x08,
	ECAP = 0x10,
	GCMD = 0x18,
	GSTS = 0x1c,
	RTADDR = 0x20,
	CCMD = 0x28,
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
#define CAP_MGAW(c)  (((c) >> 16 & 63) + 1) /* bits of the highest address */
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
#define ECAP_IRO(e)  (((e) >> 8 & 0x3ff) * 16)
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

#define QUEUE_ENTRIES 256 /* invalidation descriptors: one page */
#define IRTE_ENTRIES  256 /* interrupt remapping entries: one page */

struct context_entry { /* 9.3 */
	u64 lo, hi;
};
struct irte { /* 9.10 */
	u64 lo, hi;
};
_Static_assert(sizeof(struct context_entry) == 16 && sizeof(struct irte) == 16, "VT-d 9");

/* A unit: one DRHD of the DMAR table. */
struct vtd {
	volatile u8 *reg;
	u64 cap, ecap;
	unsigned levels;      /* of its translation tables */
	bool write_buffer;    /* to be flushed where nothing is invalidated (CAP.RWBF) */
	struct spinlock lock; /* over all below, and the context tables */
	u64 *root;            /* 256 root entries of 16 bytes (9.1) */
	struct irte *irt;
	u64 irt_owner[IRTE_ENTRIES]; /* whose message: see irq.c; 0: free */
	u64 (*queue)[2];             /* NULL: invalidated by registers */
	unsigned tail;
	volatile u32 done; /* where the unit writes the number of the last wait */
	u32 waits;
};

/* The table, and its units under the same numbers. Constant once the probe is through. */
extern struct dmar vtd_dmar;
extern struct vtd *vtd_unit[DMAR_UNITS];

/* The unit that a requester is under; NULL: none. */
static inline struct vtd *
vtd_of(rid_t rid)
{
	int n = dmar_unit_of(&vtd_dmar, rid);

	return n < 0 ? NULL : vtd_unit[n];
}

/* A register. */
#define vtd_reg32(u, at) (*(volatile u32 *)((u)->reg + (at)))
#define vtd_reg64(u, at) (*(volatile u64 *)((u)->reg + (at)))

/* Sets or clears one bit of the global command register; -EIO if the status never shows it. */
int vtd_command(struct vtd *u, u32 bit, bool on);

/* inv.c. The lock of the unit is held, but for vtd_flush(). */

/* Memory that the unit reads: flushed from the caches if the unit does not snoop (ECAP.C = 0). */
void vtd_flush(struct vtd *u, const void *p, size_t n);
/* Hands the unit an invalidation descriptor (6.5.2). Without a queue: by registers, and waits. */
void vtd_invalidate(struct vtd *u, u64 lo, u64 hi);
/* Waits until the unit has done all that it was handed (6.5.2.8). */
void vtd_wait(struct vtd *u);
/* -ENOMEM, -EIO. */
int vtd_start_queue(struct vtd *u);

/* dma.c */
extern const struct iommu_ops vtd_ops;
int vtd_start_translation(struct vtd *u);

/* irq.c */
extern const struct irq_remap_ops vtd_remap;
int vtd_start_remapping(struct vtd *u);
