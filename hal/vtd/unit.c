/* VT-d: the units: finding them, starting them, their faults. */
#include "hal/vtd/vtd.h"
#include "hal/acpi.h"
#include "hal/apic.h"
#include "hal/irq.h"
#include "hal/pciconf.h"
#include "hal/timer.h"
#include "lib/abi.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"

struct dmar vtd_dmar;
struct vtd *vtd_unit[DMAR_UNITS];

int
vtd_command(struct vtd *u, u32 bit, bool on)
{
	vtd_reg32(u, GCMD) = (vtd_reg32(u, GSTS) & G_ONE_SHOT & ~bit) | (on ? bit : 0);
	if (timer_until(&vtd_reg32(u, GSTS), bit, on ? bit : 0))
		return 0;
	pr_err("vtd: command 0x%x: no answer", bit);
	return -EIO;
}

/* Reasons, 7.2.3 table 25 and 7.3: those that a legacy-mode table can cause. */
static const char *
reason_text(u8 reason)
{
	static const char *const text[] = {[1] = "no root entry",
		[2] = "device attached nowhere",
		[3] = "bad context entry",
		[4] = "address beyond the table's reach",
		[5] = "write not permitted",
		[6] = "read not permitted",
		[7] = "bad table address",
		[8] = "bad root table",
		[9] = "bad context table",
		[10] = "reserved bit in root entry",
		[11] = "reserved bit in context entry",
		[12] = "reserved bit in page table",
		[0x20] = "reserved bit in interrupt request",
		[0x21] = "interrupt index out of range",
		[0x22] = "interrupt entry not present",
		[0x25] = "interrupt request not remappable",
		[0x26] = "interrupt from the wrong device"};

	return reason < NELEM(text) && text[reason] ? text[reason] : "see VT-d 7.2.3";
}

/* Reads, clears and reports every fault record (11.4.14). */
static void
read_faults(struct vtd *u)
{
	unsigned base = CAP_FRO(u->cap);

	for (unsigned i = 0; i < CAP_NFR(u->cap); i++) {
		u64 lo = vtd_reg64(u, base + 16 * i), hi = vtd_reg64(u, base + 16 * i + 8);
		struct iommu_fault f = {0};

		if (!(hi >> 63))
			continue;
		/* LAB 6: step 2: clear it (F is cleared by writing 1), decode it, report it. */
		vtd_reg32(u, base + 16 * i + 12) = 1u << 31;
		/* QEMU 7.2: bits 55:40 of the high word read as ones; only 39:32 are the reason. */
		f.reason = hi >> 32 & 0xff;
		f.rid = hi & 0xffff;
		f.iova.v = lo & ~PAGE_MASK;
		f.write = !(hi >> 62 & 1);
		f.text = reason_text(f.reason);
		iommu_report(&f);
		/* LAB 6 ELSE
		vtd_reg32(u, base + 16 * i + 12) = 1u << 31;
		f.text = reason_text(lo ? f.reason : 0);
		LAB 6 END */
	}
	vtd_reg32(u, FSTS) = FSTS_PFO; /* an overflow is cleared by writing 1 */
}

static void
fault_interrupt(void *arg)
{
	struct vtd *u = arg;

	/* No new interrupt comes while a record is pending, so none may be left; not for ever. */
	for (int i = 0; i < 64; i++) {
		read_faults(u);
		if (!(vtd_reg32(u, FSTS) & FSTS_PPF))
			break;
	}
}

/* Whether vtd= on the command line, a list with commas, has the word. */
static bool
option(const char *word)
{
	char list[64], *p = list;
	size_t n = strlen(word);

	if (!boot_option("vtd", list, sizeof(list)))
		return false;
	for (; strncmp(p, word, n) != 0 || (p[n] && p[n] != ','); p++)
		if (!(p = strchr(p, ',')))
			return false;
	return true;
}

/* The fewest levels that do: 3, but 4 where a region of the firmware's lies beyond; 0: neither. */
static unsigned
choose_levels(u64 cap)
{
	bool far = option("4level");

	for (unsigned i = 0; i < vtd_dmar.nregions; i++)
		far |= vtd_dmar.region[i].end > pt_level_size(3);
	if (CAP_SAGAW(cap) & BIT(1) && !(far && CAP_SAGAW(cap) & BIT(2)))
		return 3;
	return CAP_SAGAW(cap) & BIT(2) ? 4 : 0;
}

/* Off, as the firmware may not have left it. */
static int
stop(struct vtd *u)
{
	int err = vtd_command(u, G_TE, false);

	err = err ? err : vtd_command(u, G_IRE, false);
	return err ? err : vtd_command(u, G_QIE, false);
}

/* Maps the registers of unit n, looks at what it can do, and makes ready all but tables. */
static int
start_unit(unsigned n)
{
	struct vtd *u = vtd_unit[n] = kmalloc(sizeof(*u));
	int vector, err;

	if (!u)
		return -ENOMEM;
	spin_init(&u->lock, "vtd");
	if (!(u->reg = map_device(vtd_dmar.unit[n].base, PAGE_SIZE)))
		return -ENOMEM;
	u->cap = vtd_reg64(u, CAP);
	u->ecap = vtd_reg64(u, ECAP);
	u->levels = choose_levels(u->cap);
	u->write_buffer = CAP_RWBF(u->cap) || option("writebuffer");
	/* All ones: nobody answers there. */
	if (!u->levels || ~u->cap == 0 || CAP_FRO(u->cap) + 16 * CAP_NFR(u->cap) > PAGE_SIZE ||
		ECAP_IRO(u->ecap) + 16 > PAGE_SIZE) {
		pr_warn("vtd: the unit at 0x%lx has no tables of 3 or 4 levels, or its registers "
			"elsewhere: not used",
			vtd_dmar.unit[n].base);
		return -ENODEV;
	}
	if ((err = stop(u)))
		return err;
	if (ECAP_QI(u->ecap) && !option("registers") && (err = vtd_start_queue(u)))
		return err;
	/*
	 * The fault interrupt is never remapped (5.1.4). It is set up before translation is on, so
	 * that no fault goes unseen.
	 */
	if ((vector = irq_alloc(fault_interrupt, u, "vtd fault")) < 0)
		return vector;
	vtd_reg32(u, FEDATA) = vector;
	vtd_reg32(u, FEADDR) = MSI_START | apic_id() << 12;
	vtd_reg32(u, FEUADDR) = 0;
	vtd_reg32(u, FECTL) = 0;
	iommu_unit("vtd: unit at 0x%lx: %u levels, invalidated by %s", vtd_dmar.unit[n].base,
		u->levels, u->queue ? "queue" : "registers");
	return 0;
}

/* All units or none: a device under one that is not used would go where it likes. */
static int
start_all(bool translate, bool *remaps)
{
	unsigned n;
	int err = 0;

	*remaps = true;
	for (n = 0; n < vtd_dmar.nunits && !err; n++) {
		err = start_unit(n);
		*remaps &= !err && ECAP_IR(vtd_unit[n]->ecap) && vtd_unit[n]->queue;
	}
	for (n = 0; n < vtd_dmar.nunits && !err && *remaps; n++)
		err = vtd_start_remapping(vtd_unit[n]);
	for (n = 0; n < vtd_dmar.nunits && !err && translate; n++)
		err = vtd_start_translation(vtd_unit[n]);
	return err;
}

static int
vtd_probe(bool translate, const struct irq_remap_ops **remap)
{
	const struct acpi_header *table = acpi_find("DMAR");
	bool remaps;
	int err;

	if (!table)
		return -ENODEV;
	if (!dmar_parse(&vtd_dmar, table, table->length, pci_read)) {
		pr_warn("vtd: the DMAR table is malformed, or too large for us: not used");
		return -ENODEV;
	}
	if (!vtd_dmar.nunits)
		return -ENODEV;
	if ((err = start_all(translate, &remaps))) {
		for (unsigned n = 0; n < vtd_dmar.nunits; n++)
			if (vtd_unit[n] && vtd_unit[n]->reg)
				stop(vtd_unit[n]);
		return err;
	}
	/* LAB 6: step 6, the last: interrupts are remapped, if all units do. */
	if (remaps)
		*remap = &vtd_remap;
	/* LAB 6 ELSE
	LAB 6 END */
	return 0;
}
IOMMU_DRIVER(vtd_driver) = {&vtd_ops, vtd_probe};
