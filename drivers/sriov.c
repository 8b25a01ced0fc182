/*
 * Virtual functions (PCI Express base specification 5.0, 9): a device that can, under a driver that
 * shares it out, gets N functions more, each with registers, interrupts and a requester id of its
 * own, and each can be given to another VM. They live as long as the system does.
 */
#include "drivers/pci.h"
#include "hal/pciconf.h"
#include "hal/timer.h"
#include "kernel/mem.h"

enum { /* 9.3.3: registers from the capability on */
	EXT_SRIOV = 0x10,
	SRIOV_CONTROL = 0x08,
	SRIOV_TOTAL = 0x0e,
	SRIOV_NUM = 0x10,
	SRIOV_OFFSET = 0x14,
	SRIOV_STRIDE = 0x16,
	SRIOV_DEVICE = 0x1a,
	SRIOV_BAR = 0x24,
};
enum { VF_ENABLE = 1, VF_MEMORY = 8 };

/* Where the capability is, in the extended part of config space (7.6); 0: it has none. */
static unsigned
capability(rid_t rid)
{
	for (unsigned at = 0x100, limit = 64; at >= 0x100 && at < 0xfff && limit--;
		at = pci_read(rid, at, 4) >> 20)
		if (pci_read(rid, at, 2) == EXT_SRIOV)
			return at;
	return 0;
}

/*
 * The BARs of all functions together (9.3.3.14): where the firmware has put them; if it has left
 * them out, as SeaBIOS does, below all else, on the root bus only. False if there is no place.
 */
static bool
place_bars(rid_t rid, unsigned cap, struct pci_bar bar[6])
{
	unsigned total = pci_read(rid, cap + SRIOV_TOTAL, 2);

	pci_read_bars(rid, cap + SRIOV_BAR, bar);
	for (struct pci_bar *b = bar; b < bar + 6; b++) {
		if (!b->size || b->addr)
			continue;
		b->addr = ROUND_DOWN(pci_lowest - total * b->size, b->size);
		if (RID_BUS(rid) || b->addr >= pci_lowest || mem_is_ram(b->addr))
			return false;
		pci_write(rid, cap + SRIOV_BAR + 4 * (b - bar), 4, pci_lowest = b->addr);
	}
	return true;
}

const char *
pci_add_vfs(struct pci_dev *pf, unsigned n)
{
	rid_t rid = pf->dev.rid;
	unsigned cap = capability(rid), first, stride;
	struct pci_bar bar[6] = {{0}};

	if (!cap)
		return NULL;
	if (n > pci_read(rid, cap + SRIOV_TOTAL, 2))
		return "it cannot have so many";
	pci_write(rid, cap + SRIOV_NUM, 2, n); /* what comes next may depend on it */
	first = rid + pci_read(rid, cap + SRIOV_OFFSET, 2);
	stride = pci_read(rid, cap + SRIOV_STRIDE, 2);
	for (unsigned i = 0; i < n; i++)
		if ((first + i * stride) >> 8 != RID_BUS(rid) || pci_find(first + i * stride))
			return "they would be on another bus, or where another device is";
	if (!place_bars(rid, cap, bar))
		return "the firmware has kept no addresses for them";
	pci_write(rid, cap + SRIOV_CONTROL, 2, VF_ENABLE | VF_MEMORY);
	timer_delay_us(100000); /* 9.3.3.3.1: until they answer */
	if (pf->driver->share(pf, n)) {
		pci_write(rid, cap + SRIOV_CONTROL, 2, 0);
		return "the device does not share itself out";
	}
	pf->nvfs = n;
	for (unsigned i = 0; i < n; i++) {
		/* Their own ids read as ones. */
		u32 id = pci_read(rid, cap + SRIOV_DEVICE, 2) << 16 | pf->vendor;
		struct pci_dev *vf = pci_add(first + i * stride, first + i * stride, id);

		for (unsigned k = 0; vf && k < 6; k++) {
			vf->bar[k] = bar[k];
			vf->bar[k].addr += i * bar[k].size;
		}
		if (vf)
			pci_bind(vf);
	}
	return NULL;
}
