/* VT-d: interrupt remapping. A message names an entry, and the entry the vector and the CPU. */
#include "hal/vtd/vtd.h"
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

int
vtd_start_remapping(struct vtd *u)
{
	/* LAB 6: step 4: an empty table, flushed; IRTA, G_SIRTP; nothing cached; G_IRE. */
	int err;

	if (!(u->irt = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	vtd_flush(u, u->irt, PAGE_SIZE);
	vtd_reg64(u, IRTA) = virt_to_phys(u->irt) | 7; /* 2^(7+1) entries */
	if ((err = vtd_command(u, G_SIRTP, true)))
		return err;
	spin_lock(&u->lock);
	vtd_invalidate(u, INV_INTERRUPT, 0); /* all entries */
	vtd_wait(u);
	spin_unlock(&u->lock);
	return vtd_command(u, G_IRE, true);
	/* LAB 6 ELSE
	return 0;
	LAB 6 END */
}

/* Message `index` of source `sid` as the owner of an entry. */
static u64
message(u16 sid, u32 index)
{
	return BIT(63) | (u64)sid << 32 | index;
}

/* The entry of this owner, 0 for a free one; -ENOMEM if there is none. Unit locked. */
static int
entry_of(const struct vtd *u, u64 owner)
{
	for (int n = 0; n < IRTE_ENTRIES; n++)
		if (u->irt_owner[n] == owner)
			return n;
	return -ENOMEM;
}

/* Writes entry n; what the unit has cached of it goes. Unit locked. */
static void
set_entry(struct vtd *u, int n, u64 owner, u64 lo, u64 hi)
{
	/* LAB 6: step 5: as a context entry: the unit never sees half; and it forgets the old. */
	struct irte *e = &u->irt[n];

	u->irt_owner[n] = owner;
	WRITE_ONCE(e->lo, 0);
	WRITE_ONCE(e->hi, hi);
	WRITE_ONCE(e->lo, lo); /* present last */
	vtd_flush(u, e, sizeof(*e));
	vtd_invalidate(u, INV_INTERRUPT | INV_INTERRUPT_ONE | (u64)n << 32, 0);
	vtd_wait(u);
	/* LAB 6 ELSE
	u->irt_owner[n] = owner;
	LAB 6 END */
}

/*
 * Finds or takes the entry of a message, points it to vector and CPU, and lets only that source
 * use it (9.10: SVT 01). Returns its number or -ENOMEM.
 */
static int
route(struct vtd *u, u16 sid, u32 index, u8 vector, u32 apic_id)
{
	u64 owner = message(sid, index);
	int n;

	spin_lock(&u->lock);
	if ((n = entry_of(u, owner)) >= 0 || (n = entry_of(u, 0)) >= 0)
		/* LAB 6: step 5: to this vector and CPU (9.10), from this source alone. */
		set_entry(u, n, owner, IRTE_PRESENT | (u64)vector << 16 | (u64)apic_id << 40,
			sid | IRTE_CHECK_SID);
	/* LAB 6 ELSE
		set_entry(u, n, owner, 0, 0);
	LAB 6 END */
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
	/* LAB 6: step 5: the message that names entry n (5.1.2.2). */
	m->addr = MSI_START | 1 << 4 | (u64)(n & 0x7fff) << 5 | (u64)(n >> 15) << 2;
	m->data = 0;
	return 0;
	/* LAB 6 ELSE
	return -ENOSYS;
	LAB 6 END */
}

static void
vtd_unroute_msi(rid_t rid, unsigned index)
{
	struct vtd *u = vtd_of(rid);
	int n;

	if (!u)
		return;
	spin_lock(&u->lock);
	if ((n = entry_of(u, message(rid, index))) >= 0)
		set_entry(u, n, 0, 0, 0);
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
