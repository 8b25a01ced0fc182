/* The AMD-Vi unit: finding it, starting it, its command buffer, its event log. */
#include "hal/amdvi/amdvi.h"
#include "hal/acpi.h"
#include "hal/irq.h"
#include "hal/pciconf.h"
#include "hal/timer.h"
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/x86.h"

struct amdvi amdvi = {.lock = SPINLOCK_INIT("amdvi")};

void
amdvi_flush(const volatile void *p, size_t n)
{
	if (!(amdvi.ivrs.flags & IVHD_COHERENT))
		for (const volatile char *c = p; c < (const volatile char *)p + n; c += 64)
			clflush((const void *)c);
}

void
amdvi_set_entry(rid_t rid, unsigned word, u64 v)
{
	WRITE_ONCE(amdvi.devtab[rid].word[word], v);
	amdvi_flush(&amdvi.devtab[rid], sizeof(struct dte));
	amdvi_queue_put(CMD(CMD_DEVICE) | rid, 0);
	amdvi_queue_run();
}

void
amdvi_queue_put(u64 lo, u64 hi)
{
	amdvi.queue[amdvi.tail][0] = lo;
	amdvi.queue[amdvi.tail][1] = hi;
	amdvi_flush(amdvi.queue[amdvi.tail], 16);
	amdvi.tail = (amdvi.tail + 1) % RING_ENTRIES;
}

void
amdvi_queue_run(void)
{
	u64 number = ++amdvi.waits;

	amdvi_queue_put(CMD(CMD_WAIT) | CMD_WAIT_STORE | virt_to_phys((void *)amdvi.done), number);
	amdvi_reg(CMDBUF_TAIL) = amdvi.tail * 16;
	/* A unit that does not invalidate must not let anything through. */
	if (!timer_until((volatile u32 *)amdvi.done, ~0u, number))
		panic("amdvi: invalidation failed (status 0x%lx)", amdvi_reg(STATUS));
}

/* Waits until none of these bits is left in the status; false if the unit does not come to that. */
static bool
stopped(u32 bits)
{
	if (timer_until((volatile u32 *)&amdvi_reg(STATUS), bits, 0))
		return true;
	pr_err("amdvi: does not stop (status 0x%lx)", amdvi_reg(STATUS));
	return false;
}

/* After an overflow the log stands still until it is started again (2.5). */
static void
restart_log(void)
{
	pr_warn("amdvi: event log overflow: faults were lost");
	amdvi_reg(CONTROL) = amdvi.control & ~CONTROL_EVENTS;
	if (!stopped(STATUS_EVENTS_RUN))
		return;
	amdvi_reg(EVTLOG_HEAD) = 0;
	amdvi_reg(EVTLOG_TAIL) = 0;
	amdvi.event_head = 0;
	amdvi_reg(STATUS) = STATUS_OVERFLOW;
	amdvi_reg(CONTROL) = amdvi.control;
}

/* Reports the event at the head of the log, and empties its place. */
static void
take_event(void)
{
	u64 *at = amdvi.events[amdvi.event_head], event[2];
	struct iommu_fault f;

	/* Some units move the tail before the event is in memory; none has the number 0. */
	for (int i = 0; i < 1000 && !(READ_ONCE(at[0]) >> 60); i++)
		pause();
	event[0] = READ_ONCE(at[0]);
	event[1] = READ_ONCE(at[1]);
	WRITE_ONCE(at[0], 0);
	if (amdvi_decode(event, &f))
		iommu_report(&f);
	else
		pr_err("amdvi: event %u (%s) at 0x%lx", f.reason, f.text, f.iova.v);
	amdvi.event_head = (amdvi.event_head + 1) % RING_ENTRIES;
}

/* QEMU 7.2 never logs an event: there its trace tells of blocked requests. */
static void
event_interrupt(void *arg)
{
	unsigned tail;

	/* Cleared by writing 1; first, so that an event that comes now interrupts again. */
	amdvi_reg(STATUS) = STATUS_EVENT_INT;
	tail = amdvi_reg(EVTLOG_TAIL) / 16 % RING_ENTRIES;
	while (amdvi.event_head != tail)
		take_event();
	amdvi_reg(EVTLOG_HEAD) = amdvi.event_head * 16;
	if (amdvi_reg(STATUS) & STATUS_OVERFLOW)
		restart_log();
}

/*
 * The unit interrupts as the PCI function that it is. Bound before messages are remapped, and its
 * own entry lets them pass: whether they are remapped is not for us to choose.
 */
static int
bind_interrupt(void)
{
	static struct device unit = {.name = "amdvi", .msi_count = 1};
	rid_t rid = unit.rid = amdvi.ivrs.rid;
	u8 at = pci_read(rid, CFG_CAPABILITIES, 1) & 0xfc;

	for (int limit = 48; at >= 0x40 && limit--; at = pci_read(rid, at + 1, 1) & 0xfc)
		if (!unit.msi_cap && pci_read(rid, at, 1) == CAP_MSI)
			unit.msi_cap = at;
	pci_command(rid, 0, CMD_MASTER);
	return irq_msi(&unit, 0, 0, event_interrupt, NULL, "amdvi event");
}

/*
 * The table of all devices, whatever buses there are: QEMU 7.2 does not look at its length. Every
 * entry is valid: an invalid one would let everything pass (2.2.2).
 */
static int
make_tables(bool translate, bool remap)
{
	paddr_t pa = frame_alloc(9, FRAME_TABLE);
	u64 dma = translate ? DTE_BLOCKED : DTE_BLOCKED | DTE_READ | DTE_WRITE;

	_Static_assert(DEVICES * sizeof(struct dte) == PAGE_SIZE << 9, "one block of 2^9 pages");
	amdvi.queue = page_alloc(FRAME_TABLE);
	amdvi.events = page_alloc(FRAME_TABLE);
	amdvi.done = page_alloc(FRAME_TABLE);
	if (!pa || !amdvi.queue || !amdvi.events || !amdvi.done)
		return -ENOMEM;
	amdvi.devtab = phys_to_virt(pa);
	for (unsigned rid = 0; rid < DEVICES; rid++)
		amdvi.devtab[rid] = (struct dte){{dma, 0, remap ? DTE_IRQ : 0, 0}};
	if (remap)
		amdvi.devtab[amdvi.ivrs.rid].word[2] |= DTE_IRQ_PASS;
	amdvi_flush(amdvi.devtab, DEVICES * sizeof(struct dte));
	amdvi_reg(DEVTAB) = pa | (DEVICES * sizeof(struct dte) / PAGE_SIZE - 1);
	amdvi_reg(CMDBUF) = virt_to_phys(amdvi.queue) | RING_LEN;
	amdvi_reg(EVTLOG) = virt_to_phys(amdvi.events) | RING_LEN;
	amdvi_reg(CMDBUF_HEAD) = 0;
	amdvi_reg(CMDBUF_TAIL) = 0;
	amdvi_reg(EVTLOG_HEAD) = 0;
	amdvi_reg(EVTLOG_TAIL) = 0;
	amdvi_reg(EXCLUSION) = 0; /* no range that goes untranslated */
	return 0;
}

/* Turns the unit on; everything that it may have cached is forgotten. */
static void
start(void)
{
	u8 flags = amdvi.ivrs.flags;

	amdvi.control = CONTROL_ENABLE | CONTROL_EVENTS | CONTROL_EVENT_INT | CONTROL_COMMANDS |
			(flags & IVHD_TUNNEL ? CONTROL_TUNNEL : 0) |
			(u64)(flags & IVHD_PASS_POSTED) / 2 << CONTROL_POSTED |
			(flags & IVHD_ISOCHRONOUS ? CONTROL_ISOC : 0) |
			(flags & IVHD_COHERENT ? CONTROL_COHERENT : 0);
	amdvi_reg(STATUS) = STATUS_OVERFLOW | STATUS_EVENT_INT;
	amdvi_reg(CONTROL) = amdvi.control;
	spin_lock(&amdvi.lock);
	amdvi_queue_put(CMD(CMD_ALL), 0);
	amdvi_queue_run();
	spin_unlock(&amdvi.lock);
}

static int
amdvi_probe(bool translate, const struct irq_remap_ops **remap)
{
	const struct acpi_header *table = acpi_find("IVRS");
	const char *why;
	bool remaps = false;
	int err;

	if (!table)
		return -ENODEV;
	if ((why = ivrs_parse(table, table->length, &amdvi.ivrs))) {
		pr_warn("amdvi: %s: not used", why);
		return -ENODEV;
	}
	if (!(amdvi.reg = map_device(amdvi.ivrs.base, REGISTERS_SIZE)))
		return -ENODEV;
	if (!(amdvi_reg(FEATURES) & FEATURE_INV_ALL)) {
		pr_warn("amdvi: unit without INVALIDATE_IOMMU_ALL: not used");
		return -ENODEV;
	}
	/* Firmware that can remap tells of an IOAPIC; QEMU's intremap=off cannot, and does not. */
	for (unsigned i = 0; i < NELEM(amdvi.ivrs.ioapic_rid); i++)
		remaps |= amdvi.ivrs.ioapic_rid[i] != 0;
	amdvi.caches_absence = pci_read(amdvi.ivrs.rid, amdvi.ivrs.capability, 4) & CAP_NOT_PRESENT;
	/* The firmware may have used it. */
	amdvi_reg(CONTROL) = 0;
	if (!stopped(STATUS_EVENTS_RUN | STATUS_COMMANDS_RUN | STATUS_PPR_RUN))
		return -EIO;
	if ((err = make_tables(translate, remaps)) || (err = bind_interrupt()))
		return err;
	start();
	iommu_unit("amdvi: unit at 0x%lx%s", amdvi.ivrs.base,
		amdvi.caches_absence ? ": caches what is absent" : "");
	if (remaps)
		*remap = &amdvi_remap;
	return 0;
}
IOMMU_DRIVER(amdvi_driver) = {&amdvi_ops, amdvi_probe};
