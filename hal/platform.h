/* Where we run, and what the firmware says about it. */
#ifndef HAL_PLATFORM_H
#define HAL_PLATFORM_H

#include "hal/addr.h"

/* Finds out: machine or VM, ACPI tables, configuration space. Before interrupts and timer. */
void platform_init(void);

/* Ends QEMU (or our VMM's guest) through the debug-exit port; returns if there is none. */
void platform_debug_exit(u32 status);
/* Turns the machine off by ACPI; returns if that did not work. */
void platform_poweroff(void);

/* PCI configuration space, by ECAM where the firmware tells of one, else by ports. */
u32 pci_read(rid_t rid, unsigned offset, unsigned size);
void pci_write(rid_t rid, unsigned offset, unsigned size, u32 v);
/* Highest bus number that pci_read() can reach. */
unsigned pci_last_bus(void);

#endif
