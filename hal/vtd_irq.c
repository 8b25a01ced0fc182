/* VT-d: interrupt remapping. A message names an entry, and the entry the vector and the CPU. */
#include "hal/vtd.h"
#include "kernel/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

int
vtd_start_remapping(void)
{
	if (!(vtd.irt = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	vtd_flush(vtd.irt, PAGE_SIZE);
	vtd_write64(IRTA, virt_to_phys(vtd.irt) | 7); /* 2^(7+1) entries */
	if (!vtd_command(G_SIRTP, true))
		return -EIO;
	spin_lock(&vtd.lock);
	vtd_queue_put(INV_INTERRUPT, 0); /* all entries */
	vtd_queue_run();
	spin_unlock(&vtd.lock);
	return vtd_command(G_IRE, true) ? 0 : -EIO;
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
		vtd_flush(e, sizeof(*e));
		vtd_queue_put(INV_INTERRUPT | INV_INTERRUPT_ONE | (u64)n << 32, 0);
		vtd_queue_run();
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
		vtd_flush(&vtd.irt[i], 16);
		vtd_queue_put(INV_INTERRUPT | INV_INTERRUPT_ONE | (u64)i << 32, 0);
		vtd_queue_run();
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

const struct irq_remap_ops vtd_remap = {vtd_route_msi, vtd_unroute_msi, vtd_route_ioapic};
