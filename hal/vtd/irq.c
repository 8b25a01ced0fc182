/* VT-d: interrupt remapping. A message names an entry, and the entry the vector and the CPU. */
#include "hal/vtd/vtd.h"
#include "kernel/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

int
vtd_start_remapping(struct vtd *u)
{
	if (!(u->irt = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	vtd_flush(u, u->irt, PAGE_SIZE);
	vtd_write64(u, IRTA, virt_to_phys(u->irt) | 7); /* 2^(7+1) entries */
	if (!vtd_command(u, G_SIRTP, true))
		return -EIO;
	spin_lock(&u->lock);
	vtd_invalidate(u, INV_INTERRUPT, 0); /* all entries */
	vtd_wait(u);
	spin_unlock(&u->lock);
	return vtd_command(u, G_IRE, true) ? 0 : -EIO;
}

/* What the unit has cached of entry n goes. Unit locked. */
static void
forget_entry(struct vtd *u, unsigned n)
{
	vtd_flush(u, &u->irt[n], sizeof(*u->irt));
	vtd_invalidate(u, INV_INTERRUPT | INV_INTERRUPT_ONE | (u64)n << 32, 0);
	vtd_wait(u);
}

/*
 * Finds or takes the entry of message `index` of source `sid`, points it to vector and CPU, and
 * lets only that source use it (9.10: SVT 01). Returns its number or -ENOMEM.
 */
static int
route(struct vtd *u, u16 sid, u32 index, u8 vector, u32 apic_id)
{
	int n = -ENOMEM;

	spin_lock(&u->lock);
	for (int i = 0; i < IRTE_ENTRIES; i++) {
		bool same = u->irt_owner[i].used && u->irt_owner[i].sid == sid &&
			    u->irt_owner[i].index == index;
		if (same || (n < 0 && !u->irt_owner[i].used))
			n = i;
		if (same)
			break;
	}
	if (n >= 0) {
		struct irte *e = &u->irt[n];
		u->irt_owner[n].used = true;
		u->irt_owner[n].sid = sid;
		u->irt_owner[n].index = index;
		WRITE_ONCE(e->lo, 0);
		WRITE_ONCE(e->hi, sid | IRTE_CHECK_SID);
		/* Present last. */
		WRITE_ONCE(e->lo, IRTE_PRESENT | (u64)vector << 16 | (u64)apic_id << 40);
		forget_entry(u, n);
	}
	spin_unlock(&u->lock);
	return n;
}

/* The message of a remapped interrupt, 5.1.2.2: the entry's number instead of vector and CPU. */
static int
vtd_route_msi(rid_t rid, unsigned index, u8 vector, u32 apic_id, struct msi_msg *m)
{
	struct vtd *u = vtd_of(rid);
	int n = u ? route(u, rid, index, vector, apic_id) : -ENODEV;

	if (n < 0)
		return n;
	m->addr = MSI_START | 1 << 4 | (u64)(n & 0x7fff) << 5 | (u64)(n >> 15) << 2;
	m->data = 0;
	return 0;
}

static void
vtd_unroute_msi(rid_t rid, unsigned index)
{
	struct vtd *u = vtd_of(rid);

	if (!u)
		return;
	spin_lock(&u->lock);
	for (unsigned i = 0; i < IRTE_ENTRIES; i++) {
		if (!u->irt_owner[i].used || u->irt_owner[i].sid != rid ||
			u->irt_owner[i].index != index)
			continue;
		WRITE_ONCE(u->irt[i].lo, 0);
		forget_entry(u, i);
		u->irt_owner[i].used = false;
	}
	spin_unlock(&u->lock);
}

/* The IOAPIC's redirection entry in remappable form, 5.1.5.1. The table says who it is (8.3.1). */
static int
vtd_route_ioapic(u8 ioapic_id, u8 vector, u32 apic_id, u64 *entry)
{
	int n = -ENODEV;

	for (unsigned i = 0; i < vtd_dmar.nscopes; i++) {
		const struct dmar_scope *s = &vtd_dmar.scope[i];
		if (s->owner < DMAR_UNITS && s->type == SCOPE_IOAPIC && s->id == ioapic_id)
			n = route(vtd_unit[s->owner], s->rid, vector, vector, apic_id);
	}
	if (n < 0)
		return n;
	*entry = (u64)(n & 0x7fff) << 49 | 1UL << 48 | (u64)(n >> 15) << 11 | vector;
	return 0;
}

const struct irq_remap_ops vtd_remap = {vtd_route_msi, vtd_unroute_msi, vtd_route_ioapic};
