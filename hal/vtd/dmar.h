/*
 * The DMAR table as data: which remapping units there are, which devices are under each, and what
 * memory the firmware keeps for devices. Sections are those of the VT-d specification, revision
 * 3.3. The bytes are the firmware's, so nothing in them is believed unchecked.
 */
#ifndef HAL_VTD_DMAR_H
#define HAL_VTD_DMAR_H

#include "hal/addr.h"

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
	struct {
		u64 start, end; /* whole pages */
	} region[DMAR_REGIONS];
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

#endif
