/*
 * The IVRS: the ACPI table that tells of AMD-Vi units, chapter 5 of the AMD I/O Virtualization
 * Technology specification.
 */
#ifndef HAL_AMDVI_IVRS_H
#define HAL_AMDVI_IVRS_H

#include "hal/addr.h"

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

#endif
