/*
 * AMD-Vi, shared by its files: unit.c (the unit, its commands and its events), event.c (what an
 * event says), dma.c (the IOMMU contract) and irq.c (interrupt remapping). Sections are those of
 * the "AMD I/O Virtualization Technology (IOMMU) Specification", revision 3.0x.
 */
#pragma once

#include "hal/iommu.h"

/* ivrs.c: the IVRS, the ACPI table that tells of units: chapter 5. */

/* Flags of a unit, 5.2.2: how firmware wants its control register set. */
enum { IVHD_TUNNEL = 1, IVHD_PASS_POSTED = 6, IVHD_ISOCHRONOUS = 8, IVHD_COHERENT = 32 };

struct ivrs {
	u8 type;              /* of the block that told */
	u8 flags;             /* IVHD_… */
	rid_t rid;            /* the unit's own PCI function */
	u16 capability;       /* where in its configuration space */
	paddr_t base;         /* of its registers */
	rid_t ioapic_rid[16]; /* source id by IOAPIC id; 0: unknown */
	unsigned naliases, nreserved;
	struct {
		rid_t first, last, as; /* these devices' requests come with the id `as` */
	} alias[32];
	struct {
		rid_t first, last; /* firmware wants DMA of these to memory of its own */
	} reserved[16];
};

/* Reads a whole table of `len` bytes. NULL, or why there is no unit to use. */
const char *ivrs_parse(const void *table, size_t len, struct ivrs *v);
/* The id by which the unit knows a device. */
rid_t ivrs_alias(const struct ivrs *v, rid_t rid);
bool ivrs_is_reserved(const struct ivrs *v, rid_t rid);

/* Registers, 3.4. All are 64 bits wide. */
enum {
	DEVTAB = 0x00,
	CMDBUF = 0x08,
	EVTLOG = 0x10,
	CONTROL = 0x18,
	EXCLUSION = 0x20,
	FEATURES = 0x30,
	CMDBUF_HEAD = 0x2000,
	CMDBUF_TAIL = 0x2008,
	EVTLOG_HEAD = 0x2010,
	EVTLOG_TAIL = 0x2018,
	STATUS = 0x2020,
	REGISTERS_SIZE = 0x4000,
};
#define CONTROL_ENABLE      BIT(0)
#define CONTROL_TUNNEL      BIT(1)
#define CONTROL_EVENTS      BIT(2)
#define CONTROL_EVENT_INT   BIT(3)
#define CONTROL_POSTED      8 /* bits 9:8 */
#define CONTROL_COHERENT    BIT(10)
#define CONTROL_ISOC        BIT(11)
#define CONTROL_COMMANDS    BIT(12)
#define STATUS_OVERFLOW     BIT(0)
#define STATUS_EVENT_INT    BIT(1)
#define STATUS_EVENTS_RUN   BIT(3)
#define STATUS_COMMANDS_RUN BIT(4)
#define STATUS_PPR_RUN      BIT(7)
#define FEATURE_INV_ALL     BIT(6)
#define CAP_NOT_PRESENT     BIT(26) /* 3.2.1: absence may be cached */

/* Commands, 2.4: the operation in bits 63:60 of the first word. */
enum { CMD_WAIT = 1, CMD_DEVICE, CMD_PAGES, CMD_INTERRUPTS = 5, CMD_ALL = 8 };
#define CMD(op)          ((u64)(op) << 60)
#define CMD_WAIT_STORE   BIT(0)
#define CMD_PAGES_SIZE   BIT(0) /* second word: the lowest zero of the address says the size */
#define CMD_PAGES_TABLES BIT(1) /* table entries too */

/* Device table entry, 2.2.2.1. First word: */
#define DTE_BLOCKED   3UL /* V and TV, mode 0: no table, and neither read nor write permitted */
#define DTE_LEVELS(n) ((u64)(n) << 9)
#define DTE_READ      BIT(61)
#define DTE_WRITE     BIT(62)
/* Second word: the domain's number. Third: */
#define DTE_IRQ        BIT(0) /* IV, and IntCtl 00: every message is blocked */
#define DTE_IRQ_LEN(n) ((u64)(n) << 1)
#define DTE_IRQ_ADDR   0x000fffffffffffc0UL
#define DTE_IRQ_PASS   (1UL << 60)
#define DTE_IRQ_REMAP  (2UL << 60)

#define DEVICES      65536
#define RING_ENTRIES 256         /* commands, and events: one page each */
#define RING_LEN     (8UL << 56) /* 2^8 entries */

struct dte {
	u64 word[4];
};
_Static_assert(sizeof(struct dte) == 32, "AMD-Vi 2.2.2.1");

/* The one unit. */
struct amdvi {
	volatile u8 *reg;
	struct ivrs ivrs;
	u64 control;          /* as it was last written */
	bool caches_absence;  /* so every map has to be followed by an invalidation */
	struct spinlock lock; /* over the device table, interrupt tables and commands */
	struct dte *devtab;
	u64 (*queue)[2];
	unsigned tail;
	volatile u64 *done; /* where the unit writes the number of the last wait */
	u64 waits;
	u64 (*events)[2]; /* the interrupt's, as is the head */
	unsigned event_head;
};
extern struct amdvi amdvi;

/* A register. */
#define amdvi_reg(at) (*(volatile u64 *)(amdvi.reg + (at)))

/* Memory that the unit reads: flushed from the caches if firmware says that it does not snoop. */
void amdvi_flush(const volatile void *p, size_t n);
/* Writes one word of a device's entry, and has the unit forget the old one. Lock held. */
void amdvi_set_entry(rid_t rid, unsigned word, u64 v);
/* Puts a command into the buffer (2.4). Lock held. */
void amdvi_queue_put(u64 lo, u64 hi);
/* Has the unit work off the buffer, and waits until it has (2.4.1). Lock held. */
void amdvi_queue_run(void);

/* event.c: false if the event is about the unit and not about a device. */
bool amdvi_decode(const u64 event[2], struct iommu_fault *f);
/* dma.c */
extern const struct iommu_ops amdvi_ops;
/* irq.c */
extern const struct irq_remap_ops amdvi_remap;
