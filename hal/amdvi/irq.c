/*
 * AMD-Vi: interrupt remapping (2.2.5). Each device has a table of its own, which no other can use:
 * the message names an entry, and the entry the vector and the CPU.
 */
#include "hal/amdvi/amdvi.h"
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

/* As many as a message can name: QEMU 7.2 does not look at the table's length. */
#define ENTRIES_LOG2  11
#define TABLE_ORDER   1
#define ENTRY_PRESENT 1u /* 2.2.5.1; fixed, physical destination */
_Static_assert(4UL << ENTRIES_LOG2 == PAGE_SIZE << TABLE_ORDER, "a table of 32-bit entries");

/* The table of the device that the unit knows as `as`; NULL if it has none. Lock held. */
static u32 *
table_of(rid_t as)
{
	u64 pa = amdvi.devtab[as].word[2] & DTE_IRQ_ADDR;

	return pa ? phys_to_virt(pa) : NULL;
}

/* Makes a device's table; NULL without memory. It stays: the device may be bound again. */
static u32 *
make_table(rid_t as)
{
	paddr_t pa = frame_alloc(TABLE_ORDER, FRAME_TABLE);

	if (!pa)
		return NULL;
	memset(phys_to_virt(pa), 0, PAGE_SIZE << TABLE_ORDER);
	amdvi_flush(phys_to_virt(pa), PAGE_SIZE << TABLE_ORDER);
	amdvi_set_entry(as, 2, DTE_IRQ | DTE_IRQ_REMAP | DTE_IRQ_LEN(ENTRIES_LOG2) | pa);
	return phys_to_virt(pa);
}

/*
 * Writes the entry of message `index` of a device, and has the unit forget the old one. Devices
 * behind an old bridge share its table, 8 entries each; of such a one `rid` is the bridge's, and
 * the upper half of `index` its own. The entry's number, -ENOMEM or -ERANGE.
 */
static int
route(rid_t rid, unsigned index, u32 entry)
{
	rid_t as = ivrs_alias(&amdvi.ivrs, rid), own = index >> 16 ? index >> 16 : rid;
	unsigned n = (u16)index | (as == own ? 0 : (own & 0xff) << 3);
	u32 *t;

	if (n >> ENTRIES_LOG2 || (as != own && (u16)index > 7))
		return -ERANGE;
	spin_lock(&amdvi.lock);
	if ((t = table_of(as)) || (entry && (t = make_table(as)))) {
		WRITE_ONCE(t[n], entry);
		amdvi_flush(&t[n], sizeof(t[n]));
		amdvi_queue_put(CMD(CMD_INTERRUPTS) | as, 0);
		amdvi_queue_run();
	}
	spin_unlock(&amdvi.lock);
	return t ? (int)n : -ENOMEM;
}

/* An entry that leads to a vector of a CPU; 0 if the CPU's number does not fit. */
static u32
entry_to(u8 vector, u32 apic_id)
{
	return apic_id > 0xff ? 0 : ENTRY_PRESENT | apic_id << 8 | (u32)vector << 16;
}

/* The message of a remapped interrupt: the entry's number in the data, nothing in the address. */
static int
amdvi_route_msi(rid_t rid, unsigned index, u8 vector, u32 apic_id, struct msi_msg *m)
{
	u32 entry = entry_to(vector, apic_id);
	int n = entry ? route(rid, index, entry) : -ERANGE;

	if (n < 0)
		return n;
	m->addr = MSI_START;
	m->data = n;
	return 0;
}

static void
amdvi_unroute_msi(rid_t rid, unsigned index)
{
	route(rid, index, 0);
}

/* The IOAPIC's redirection entry: its vector and mode bits are the message's data. */
static int
amdvi_route_ioapic(u8 ioapic_id, u8 vector, u32 apic_id, u64 *entry)
{
	rid_t rid = ioapic_id < NELEM(amdvi.ivrs.ioapic_rid) ? amdvi.ivrs.ioapic_rid[ioapic_id] : 0;
	struct msi_msg m;
	int err;

	if (!rid)
		return -ENODEV;
	if (!(err = amdvi_route_msi(rid, vector, vector, apic_id, &m)))
		*entry = m.data;
	return err;
}

const struct irq_remap_ops amdvi_remap = {amdvi_route_msi, amdvi_unroute_msi, amdvi_route_ioapic};
