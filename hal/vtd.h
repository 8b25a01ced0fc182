/*
 * Intel VT-d, shared by its three files: vtd.c (the unit, its queue and its faults), vtd_dma.c (the
 * IOMMU contract) and vtd_irq.c (interrupt remapping). Legacy mode, queued invalidation. Sections
 * are those of the "Virtualization Technology for Directed I/O" specification, revision 3.3.
 */
#ifndef HAL_VTD_H
#define HAL_VTD_H

#include "hal/iommu.h"
#include "kernel/types.h"

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

/* The one unit. */
struct vtd {
	volatile u8 *reg;
	u64 cap, ecap;
	unsigned levels;      /* of the translation tables */
	struct spinlock lock; /* over all below, and the context tables */
	u64 *root;            /* 256 root entries of 16 bytes (9.1) */
	struct irte *irt;
	struct {
		bool used;
		u16 sid, index;
	} irt_owner[IRTE_ENTRIES];
	u16 ioapic_rid[16]; /* source id by IOAPIC id; 0: unknown */
	u64 (*queue)[2];
	unsigned tail;
	volatile u32 *done; /* where the unit writes the number of the last wait */
	u32 waits;
};
extern struct vtd vtd;

static inline u32
vtd_read32(unsigned reg)
{
	return *(volatile u32 *)(vtd.reg + reg);
}

static inline void
vtd_write32(unsigned reg, u32 v)
{
	*(volatile u32 *)(vtd.reg + reg) = v;
}

static inline u64
vtd_read64(unsigned reg)
{
	return *(volatile u64 *)(vtd.reg + reg);
}

static inline void
vtd_write64(unsigned reg, u64 v)
{
	*(volatile u64 *)(vtd.reg + reg) = v;
}

/* Sets or clears one bit of the global command register; false if the status never shows it. */
bool vtd_command(u32 bit, bool on);
/* Memory that the unit reads: flushed from the caches if the unit does not snoop (ECAP.C = 0). */
void vtd_flush(const void *p, size_t n);
/* Puts a descriptor into the invalidation queue (6.5.2). Lock held. */
void vtd_queue_put(u64 lo, u64 hi);
/* Has the unit work off the queue, and waits until it has (6.5.2.8). Lock held. */
void vtd_queue_run(void);

/* vtd_dma.c */
extern const struct iommu_ops vtd_ops;
int vtd_start_translation(void);

/* vtd_irq.c */
extern const struct irq_remap_ops vtd_remap;
int vtd_start_remapping(void);

#endif
