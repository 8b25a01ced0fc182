#include "drivers/pci.h"
#include "hal/dma.h"
#include "hal/pciconf.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"

static struct list devices = LIST_INIT(devices);
u64 pci_lowest = 0xfec00000; /* the IOAPIC's */

/* Something answers at addr, if it is not 0. */
static void
in_use(u64 addr)
{
	pci_lowest = addr ? MIN(pci_lowest, addr) : pci_lowest;
}

struct pci_dev *
pci_find(rid_t rid)
{
	return list_find(struct pci_dev, link, &devices, d, d->dev.rid == rid);
}

u8
pci_capability(rid_t rid, u8 id)
{
	/* LAB 1: step 1: along the list of capabilities (6.7), which may be broken, to this one. */
	u8 at;

	if (!(pci_read(rid, CFG_STATUS, 2) & 0x10))
		return 0;
	at = pci_read(rid, CFG_CAPABILITIES, 1) & 0xfc;
	for (int limit = 48; at >= 0x40 && limit--; at = pci_read(rid, at + 1, 1) & 0xfc)
		if (pci_read(rid, at, 1) == id)
			return at;
	return 0;
	/* LAB 1 ELSE
	return 0;
	LAB 1 END */
}

void
pci_read_bars(rid_t rid, unsigned offset, struct pci_bar bar[6])
{
	for (unsigned i = 0; i < 6; i++) {
		struct pci_bar *b = &bar[i];
		/* LAB 1: step 2: fill in *b; the next one belongs to it if it is wide. */
		unsigned at = offset + 4 * i;
		u32 low = pci_read(rid, at, 4), high = 0, mask, mask_high = ~0u;

		pci_write(rid, at, 4, ~0u);
		mask = pci_read(rid, at, 4);
		pci_write(rid, at, 4, low);
		if (!mask)
			continue;
		b->io = low & 1;
		b->wide = !b->io && (low & 6) == 4;
		if (b->wide) {
			high = pci_read(rid, at + 4, 4);
			pci_write(rid, at + 4, 4, ~0u);
			mask_high = pci_read(rid, at + 4, 4);
			pci_write(rid, at + 4, 4, high);
			i++;
		}
		b->addr = (u64)high << 32 | (low & (b->io ? ~3u : ~15u));
		b->size = -((u64)mask_high << 32 | (mask & (b->io ? ~3u : ~15u)));
		if (b->io)
			b->size &= 0xffff;
		/* LAB 1 ELSE
		LAB 1 END */
		if (!b->io)
			in_use(b->addr);
	}
}

/* Where the message capabilities are. The MSI-X table is mapped when the device is bound. */
static void
read_messages(struct pci_dev *d)
{
	rid_t rid = d->dev.rid;

	d->dev.msi_cap = pci_capability(rid, CAP_MSI);
	d->dev.msix_cap = pci_capability(rid, CAP_MSIX);
	if (d->dev.msix_cap) {
		u32 table = pci_read(rid, d->dev.msix_cap + 4, 4);
		d->msix_bar = table & 7;
		d->msix_offset = table & ~7u;
		d->dev.msi_count = (pci_read(rid, d->dev.msix_cap + 2, 2) & 0x7ff) + 1;
	} else if (d->dev.msi_cap) {
		d->dev.msi_count = 1;
	}
}

volatile void *
pci_map_bar(struct pci_dev *d, unsigned bar)
{
	if (bar >= 6 || d->bar[bar].io || !d->bar[bar].addr)
		return NULL;
	return map_device(d->bar[bar].addr, d->bar[bar].size);
}

void
pci_bus_master(struct pci_dev *d, bool on)
{
	pci_command(d->dev.rid, on ? 0 : CMD_MASTER, on ? CMD_MASTER : 0);
}

/*
 * PCI Express base specification 6.6.2: wait 100 ms, then the device is as after power-on; what the
 * firmware had written into its BARs and command register is written again.
 */
bool
pci_reset(struct pci_dev *d)
{
	rid_t rid = d->dev.rid;
	u8 cap = pci_capability(rid, CAP_PCIE);
	u32 bar[6];

	if (!cap || !(pci_read(rid, cap + 4, 4) & BIT(28)))
		return false;
	for (unsigned i = 0; i < 6; i++)
		bar[i] = pci_read(rid, CFG_BAR + 4 * i, 4);
	pci_write_map(rid, cap + 8, 2, pci_read(rid, cap + 8, 2) | BIT(15));
	timer_delay_us(100000);
	for (unsigned i = 0; i < 6; i++)
		pci_write(rid, CFG_BAR + 4 * i, 4, bar[i]);
	pci_write_map(rid, CFG_COMMAND, 2, CMD_MEMORY | CMD_NO_INTX);
	return true;
}

void
pci_map_msix(struct pci_dev *d)
{
	volatile u8 *bar = d->dev.msix_cap ? pci_map_bar(d, d->msix_bar) : NULL;

	pci_command(d->dev.rid, CMD_IO, CMD_MEMORY | CMD_NO_INTX);
	if (bar)
		d->dev.msix_table = (volatile u32 *)(bar + d->msix_offset);
}

static bool
matches(const struct pci_driver *drv, const struct pci_dev *d)
{
	return (!drv->vendor || drv->vendor == d->vendor) &&
	       (!drv->device || drv->device == d->device) &&
	       (d->class & drv->class_mask) == drv->class;
}

int
pci_bind(struct pci_dev *d)
{
	section_for_each (struct pci_driver, drv, pci_driver) {
		int err;

		if (!matches(drv, d))
			continue;
		pci_map_msix(d);
		if (drv->dma_mask)
			d->dev.dma_mask = drv->dma_mask;
		if ((err = dma_attach(&d->dev))) {
			pr_err("%s %s: no DMA: %s", drv->name, d->dev.name, strerror(err));
			return err;
		}
		d->driver = drv;
		if ((err = drv->probe(d))) {
			pr_err("%s %s: %s", drv->name, d->dev.name, strerror(err));
			pci_bus_master(d, false);
			dma_detach(&d->dev);
			d->driver = NULL;
		}
		return err;
	}
	return -ENODEV;
}

int
pci_unbind(struct pci_dev *d)
{
	int err;

	if (!d->driver)
		return 0;
	if ((err = d->nvfs ? -EBUSY : dma_set_leaving(&d->dev, true)))
		return err;
	if ((err = d->driver->remove(d))) {
		dma_set_leaving(&d->dev, false);
		return err;
	}
	pci_bus_master(d, false);
	dma_detach(&d->dev);
	d->driver = NULL;
	return 0;
}

/* Counts the devices that share the requester id which the IOMMU sees, bridges apart. */
static void
count_twins(struct pci_dev *d)
{
	bool before = true;

	d->dev.twin = d->dev.twins = 0;
	list_for_each (it, &devices) {
		struct pci_dev *other = list_entry(it, struct pci_dev, link);
		bool twin = other->dev.alias == d->dev.alias && other->class >> 16 != 6;

		before &= other != d;
		d->dev.twins += twin;
		d->dev.twin += twin && before;
	}
}

#define NO_ALIAS -1 /* each function below has a requester id of its own */

static void scan_bus(unsigned bus, int alias);

/*
 * A bridge, on a bus whose devices have `alias`. One from PCI Express to PCI sends what comes from
 * below as function 0 of the bus below, a plain PCI bridge as itself (VT-d 3.4.1).
 */
static void
add_bridge(rid_t rid, int alias)
{
	unsigned below = pci_read(rid, CFG_SECONDARY, 1);
	u8 cap = pci_capability(rid, CAP_PCIE);

	if (below <= RID_BUS(rid) || below > pci_last_bus())
		return;
	if (alias == NO_ALIAS && !cap)
		alias = rid;
	else if (alias == NO_ALIAS && (pci_read(rid, cap + 2, 2) >> 4 & 15) == PCIE_TO_PCI)
		alias = RID(below, 0, 0);
	in_use((u64)(pci_read(rid, CFG_WINDOW, 2) & 0xfff0) << 16);
	if (!pci_read(rid, CFG_WINDOW64_HIGH, 4))
		in_use((u64)(pci_read(rid, CFG_WINDOW64, 2) & 0xfff0) << 16);
	pci_command(rid, 0, CMD_MEMORY | CMD_MASTER);
	scan_bus(below, alias);
}

struct pci_dev *
pci_add(rid_t rid, rid_t alias, u32 id)
{
	struct pci_dev *d = kmalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->dev.rid = rid;
	d->dev.alias = alias;
	d->dev.dma_mask = ~0UL;
	snprintf(d->dev.name, sizeof(d->dev.name), RID_FMT, RID_ARGS(rid));
	d->vendor = id & 0xffff;
	d->device = id >> 16;
	d->class = pci_read(rid, CFG_CLASS, 4) >> 8;
	read_messages(d);
	list_add_tail(&devices, &d->link);
	return d;
}

static void
add_function(rid_t rid, int alias)
{
	u32 id = pci_read(rid, CFG_ID, 4);
	u8 header = pci_read(rid, CFG_HEADER, 1) & 0x7f;
	u16 command = pci_read(rid, CFG_COMMAND, 2);
	struct pci_dev *d;

	if ((id & 0xffff) == 0xffff || !(d = pci_add(rid, alias == NO_ALIAS ? rid : alias, id)))
		return;
	if (header == 0) {
		/* With decoding off, so that no half-written address answers. */
		pci_command(rid, CMD_IO | CMD_MEMORY, 0);
		pci_read_bars(rid, CFG_BAR, d->bar);
		pci_write(rid, CFG_COMMAND, 2, command);
	} else if (header == 1) {
		add_bridge(rid, alias);
	}
}

static void
scan_bus(unsigned bus, int alias)
{
	for (unsigned dev = 0; dev < 32; dev++) {
		rid_t rid = RID(bus, dev, 0);

		if (pci_read(rid, CFG_ID, 2) == 0xffff)
			continue;
		add_function(rid, alias);
		if (pci_read(rid, CFG_HEADER, 1) & 0x80)
			for (unsigned fn = 1; fn < 8; fn++)
				add_function(RID(bus, dev, fn), alias);
	}
}

static void
pci_init(void)
{
	u64 nvfs = boot_number("vfs", 0);

	scan_bus(0, NO_ALIAS);
	list_for_each (it, &devices)
		count_twins(list_entry(it, struct pci_dev, link));
	list_for_each (it, &devices)
		pci_bind(list_entry(it, struct pci_dev, link));
	list_for_each (it, &devices) {
		struct pci_dev *d = list_entry(it, struct pci_dev, link);
		const char *why = nvfs && d->driver && d->driver->share ? pci_add_vfs(d, nvfs)
									: NULL;

		if (why)
			pr_warn("pci %s: no virtual functions: %s", d->dev.name, why);
	}
}
INITCALL(INIT_BUS, pci_init);

static void
show_pci(struct text *t)
{
	list_for_each (it, &devices) {
		struct pci_dev *d = list_entry(it, struct pci_dev, link);
		text_printf(t, "%s %04x:%04x class %06x %s\n", d->dev.name, d->vendor, d->device,
			d->class,
			d->user     ? d->user
			: d->driver ? d->driver->name
				    : "-");
	}
}
PROC_FILE("pci", show_pci);
