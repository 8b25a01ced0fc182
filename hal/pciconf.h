/*
 * PCI configuration space, by ECAM where the firmware tells of one, else by ports. Sections are
 * those of the PCI Local Bus Specification 3.0.
 */
#pragma once

#include "hal/addr.h"

/* Registers of a function's header, 6.1, and bits of the command register, 6.2.2. */
enum {
	CFG_ID = 0x00,
	CFG_COMMAND = 0x04,
	CFG_STATUS = 0x06,
	CFG_CLASS = 0x08,
	CFG_HEADER = 0x0e,
	CFG_BAR = 0x10,
	CFG_SECONDARY = 0x19,   /* of a bridge: the bus below it */
	CFG_SUBORDINATE = 0x1a, /* and the last one behind it */
	CFG_WINDOW = 0x20,      /* the first MiB of what is below it; the same, prefetchable */
	CFG_WINDOW64 = 0x24,
	CFG_WINDOW64_HIGH = 0x28,
	CFG_BAR_END = 0x28,
	CFG_ROM = 0x30,
	CFG_CAPABILITIES = 0x34,
};
enum { CMD_IO = 1, CMD_MEMORY = 2, CMD_MASTER = 4, CMD_NO_INTX = 0x400 };
enum { CAP_MSI = 5, CAP_PCIE = 0x10, CAP_MSIX = 0x11 };
enum { PCIE_TO_PCI = 7 }; /* PCI Express 7.5.3.2: the type of such a bridge */

/* The old mechanism's ports, 3.2.2.3.2. */
#define PCI_PORT_ADDRESS 0xcf8
#define PCI_PORT_DATA    0xcfc

/* Finds the ECAM. After acpi_init(). */
void pciconf_init(void);

/* One register of 1, 2 or 4 bytes; ones if there is no such function. */
u32 pci_read(rid_t rid, unsigned offset, unsigned size);
void pci_write(rid_t rid, unsigned offset, unsigned size, u32 v);
/*
 * The same of what moves a device in memory, with the other CPUs held: in QEMU 7.2 (tcg_commit)
 * one that writes to a device just then reaches another one, or QEMU ends by a segmentation fault.
 */
void pci_write_map(rid_t rid, unsigned offset, unsigned size, u32 v);
/* Clears bits of the command register and sets others. */
void pci_command(rid_t rid, u16 clear, u16 set);
/* Highest bus number that pci_read() can reach. */
unsigned pci_last_bus(void);
