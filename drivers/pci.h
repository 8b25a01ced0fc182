/* PCI devices and their drivers. Sections are those of the PCI Local Bus Specification 3.0. */
#pragma once

#include "hal/device.h"
#include "kernel/lib.h"

struct pci_bar {
	paddr_t addr;  /* 0: none, or not assigned by the firmware */
	u64 size;      /* bytes */
	bool io, wide; /* port space; takes the next register too */
};

struct pci_dev {
	struct device dev;
	u16 vendor, device;
	u32 class; /* class << 16 | subclass << 8 | programming interface */
	struct pci_bar bar[6];
	u8 msix_bar; /* which BAR holds the MSI-X table, and where */
	u32 msix_offset;
	unsigned nvfs; /* virtual functions of its own */
	const struct pci_driver *driver;
	const char *user; /* who outside the kernel has it: a name for lspci; NULL: nobody */
	void *priv;       /* of the driver */
	struct list link;
};

struct pci_driver {
	const char *name;
	u16 vendor, device;    /* 0: any */
	u32 class, class_mask; /* mask 0: any */
	u64 dma_mask;          /* highest bus address; 0: all 64 bits */
	int (*probe)(struct pci_dev *);
	/* Leaves the device quiet; -EBUSY, and all as it was, if it is in use. */
	int (*remove)(struct pci_dev *);
	/* Shares it out among its n virtual functions, which nobody drives yet. NULL: it cannot. */
	int (*share)(struct pci_dev *, unsigned n);
};
#define PCI_DRIVER(name) SECTION_ELEMENT(struct pci_driver, pci_driver, name)

struct pci_dev *pci_find(rid_t rid);
/* A function that has been found, of this vendor and device id. NULL without memory. */
struct pci_dev *pci_add(rid_t rid, rid_t alias, u32 id);
/* Sizes the six BARs at `offset` of config space (6.2.5.1). Nothing may be decoded meanwhile. */
void pci_read_bars(rid_t rid, unsigned offset, struct pci_bar bar[6]);
/* The lowest address, below 4 GiB, at which something on the root bus answers. */
extern u64 pci_lowest;

/* sriov.c: gives it n virtual functions, and these their driver. NULL, or why it cannot be. */
const char *pci_add_vfs(struct pci_dev *pf, unsigned n);

/* Registers of a memory BAR as the CPU sees them; NULL if there is none. One of them, at a byte. */
volatile void *pci_map_bar(struct pci_dev *d, unsigned bar);
#define REG32(bar, at) (*(volatile u32 *)((volatile u8 *)(bar) + (at)))
#define REG64(bar, at) (*(volatile u64 *)((volatile u8 *)(bar) + (at)))
/* Lets the device be a DMA master, or no longer. */
void pci_bus_master(struct pci_dev *d, bool on);

/* Finds the driver again that a device had, or takes it away: for giving devices to VMs. */
int pci_bind(struct pci_dev *d);
int pci_unbind(struct pci_dev *d);
/* Function-level reset; it must not be a bus master. False if the device cannot. */
bool pci_reset(struct pci_dev *d);
/* Maps the MSI-X table for the HAL: before messages are bound. */
void pci_map_msix(struct pci_dev *d);
