/* The VT-d unit: finding it, starting it, its invalidation queue, its faults. */
#include "hal/vtd.h"
#include "hal/acpi.h"
#include "hal/apic.h"
#include "hal/irq.h"
#include "hal/timer.h"
#include "kernel/abi.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/x86.h"

struct vtd vtd = {.lock = SPINLOCK_INIT("vtd")};

bool
vtd_command(u32 bit, bool on)
{
	u64 deadline = timer_ns() + WAIT_LIMIT_NS;

	vtd_write32(GCMD, (vtd_read32(GSTS) & G_ONE_SHOT & ~bit) | (on ? bit : 0));
	while (!!(vtd_read32(GSTS) & bit) != on) {
		if (timer_ns() > deadline) {
			pr_err("vtd: command 0x%x: no answer", bit);
			return false;
		}
		pause();
	}
	return true;
}

/* Memory that the unit reads: flush it if the unit does not snoop our caches (ECAP.C = 0). */
void
vtd_flush(const void *p, size_t n)
{
	if (!ECAP_C(vtd.ecap))
		for (const char *c = p; c < (const char *)p + n; c += 64)
			clflush(c);
}

/* Puts a descriptor into the invalidation queue (6.5.2). Lock held. */
void
vtd_queue_put(u64 lo, u64 hi)
{
	vtd.queue[vtd.tail][0] = lo;
	vtd.queue[vtd.tail][1] = hi;
	vtd_flush(vtd.queue[vtd.tail], 16);
	vtd.tail = (vtd.tail + 1) % QUEUE_ENTRIES;
}

/* Has the unit work off the queue and waits until it has (6.5.2.8). Lock held. */
void
vtd_queue_run(void)
{
	u64 deadline = timer_ns() + WAIT_LIMIT_NS;
	u32 number = ++vtd.waits;

	vtd_queue_put(
		INV_WAIT | WAIT_STATUS_WRITE | (u64)number << 32, virt_to_phys((void *)vtd.done));
	vtd_write64(IQT, vtd.tail << 4);
	while (*vtd.done != number) {
		if (vtd_read32(FSTS) & FSTS_IQE || timer_ns() > deadline) {
			/* A unit that does not invalidate must not let anything through. */
			panic("vtd: invalidation failed (fault status 0x%x)", vtd_read32(FSTS));
		}
		pause();
	}
}

/* Descriptors, 6.5.2.1 to 6.5.2.3. Lock held. */
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
read_faults(void)
{
	unsigned base = CAP_FRO(vtd.cap);

	for (unsigned i = 0; i < CAP_NFR(vtd.cap); i++) {
		u64 lo = vtd_read64(base + 16 * i), hi = vtd_read64(base + 16 * i + 8);
		struct iommu_fault f;

		if (!(hi >> 63))
			continue;
		vtd_write32(base + 16 * i + 12, 1u << 31);
		/* QEMU 7.2: bits 55:40 of the high word read as ones; only 39:32 are the reason. */
		f.reason = hi >> 32 & 0xff;
		f.rid = hi & 0xffff;
		f.iova.v = lo & ~PAGE_MASK;
		f.write = !(hi >> 62 & 1);
		f.text = reason_text(f.reason);
		iommu_report(&f);
	}
	vtd_write32(FSTS, FSTS_PFO); /* an overflow is cleared by writing 1 */
}

static void
fault_interrupt(void *arg)
{
	/* No new interrupt comes while a record is pending, so none may be left; but not for ever.
	 */
	for (int i = 0; i < 64; i++) {
		read_faults();
		if (!(vtd_read32(FSTS) & FSTS_PPF))
			break;
	}
}

static int
start_queue(void)
{
	vtd.queue = page_alloc(FRAME_TABLE);
	vtd.done = page_alloc(FRAME_TABLE);
	if (!vtd.queue || !vtd.done)
		return -ENOMEM;
	vtd_write64(IQT, 0);
	vtd_write64(IQA, virt_to_phys(vtd.queue)); /* 128-bit descriptors, 256 of them */
	return vtd_command(G_QIE, true) ? 0 : -EIO;
}

/* Device scopes of a DRHD (8.3.1): of interest are the IOAPICs, whose requester ids they tell. */
static void
read_scopes(const u8 *at, const u8 *end)
{
	for (; end - at >= 8 && at[1] >= 8 && at[1] <= end - at; at += at[1])
		if (at[0] == 3 && at[4] < NELEM(vtd.ioapic_rid))
			vtd.ioapic_rid[at[4]] = RID(at[5], at[6], at[7]);
}

/*
 * The DMAR table (8.1): the remapping unit's register address, 0 if there is none. With several,
 * each would have to be found and programmed: a device under another unit would go untranslated.
 */
static u64
find_unit(void)
{
	const struct acpi_header *dmar = acpi_find("DMAR");
	const u8 *at, *end;
	u64 base = 0;

	if (!dmar || dmar->length < 48)
		return 0;
	at = (const u8 *)dmar + 48;
	end = (const u8 *)dmar + dmar->length;
	while (end - at >= 4) { /* records of u16 type, u16 length */
		u16 type, length;
		memcpy(&type, at, 2);
		memcpy(&length, at + 2, 2);
		if (length < 4 || length > end - at)
			break;
		if (type == 0 && length >= 16) {
			if (base) {
				pr_warn("vtd: more than one unit: not used");
				return 0;
			}
			memcpy(&base, at + 8, 8);
			read_scopes(at + 16, at + length);
		}
		at += length;
	}
	return base;
}

static int
vtd_probe(bool translate, const struct irq_remap_ops **remap)
{
	u64 base = find_unit();
	int vector, err;

	if (!base || !(vtd.reg = map_device(base, PAGE_SIZE)))
		return -ENODEV;
	vtd.cap = vtd_read64(CAP);
	vtd.ecap = vtd_read64(ECAP);
	vtd.levels = CAP_SAGAW(vtd.cap) & BIT(1) ? 3 : CAP_SAGAW(vtd.cap) & BIT(2) ? 4 : 0;
	if (!vtd.levels || !ECAP_QI(vtd.ecap) || CAP_RWBF(vtd.cap)) {
		pr_warn("vtd: unit without queued invalidation or 3 or 4 level tables, or with a "
			"write buffer to flush: not used");
		return -ENODEV;
	}
	/* The firmware may have used it. */
	if (!vtd_command(G_TE, false) || !vtd_command(G_IRE, false) || !vtd_command(G_QIE, false))
		return -EIO;
	if ((err = start_queue()))
		return err;
	/*
	 * The fault interrupt is never remapped (5.1.4). It is set up before translation is on, so
	 * that no fault goes unseen.
	 */
	if ((vector = irq_alloc(fault_interrupt, NULL, "vtd fault")) < 0)
		return vector;
	vtd_write32(FEDATA, vector);
	vtd_write32(FEADDR, MSI_START | apic_id() << 12);
	vtd_write32(FEUADDR, 0);
	vtd_write32(FECTL, 0);
	if (ECAP_IR(vtd.ecap)) {
		if ((err = vtd_start_remapping()))
			return err;
		*remap = &vtd_remap;
	}
	return translate ? vtd_start_translation() : 0;
}
IOMMU_DRIVER(vtd_driver) = {&vtd_ops, vtd_probe};
