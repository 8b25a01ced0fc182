/*
 * Address spaces as types, so that mixing them does not compile. A plain paddr_t (lib/types.h)
 * is "physical as this kernel sees it": equal to the HPA on the machine, to the GPA in a VM.
 */
#pragma once

#include "lib/types.h"

/* What a guest believes is physical memory. */
typedef struct {
	u64 v;
} gpa_t;

/* The machine's own physical address. */
typedef struct {
	u64 v;
} hpa_t;

/* What a device puts on the bus, and what a driver writes into a descriptor. */
typedef struct {
	u64 v;
} iova_t;

/* Requester id: bus in bits 15:8, device in 7:3, function in 2:0 (PCI Express 2.2.6.2). */
typedef u16 rid_t;

#define RID(bus, dev, fn) ((rid_t)((bus) << 8 | (dev) << 3 | (fn)))
#define RID_BUS(rid)      ((rid) >> 8)
#define RID_DEV(rid)      ((rid) >> 3 & 31)
#define RID_FN(rid)       ((rid)&7)

/*
 * Bus addresses whose writes are interrupts (SDM vol. 3, 11.11.1): no table translates them, so
 * nothing is ever mapped there.
 */
#define MSI_START 0xfee00000UL
#define MSI_END   0xfef00000UL

/* For printf: "%02x:%02x.%x". */
#define RID_FMT       "%02x:%02x.%x"
#define RID_ARGS(rid) RID_BUS(rid), RID_DEV(rid), RID_FN(rid)
