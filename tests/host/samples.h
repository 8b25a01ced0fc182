/* Valid inputs, for the tests to check and the fuzzers to begin with. Each returns its length. */
#pragma once

#include "lib/types.h"

#define SAMPLE_MAX      4096
#define SAMPLE_PVH_BASE 0x7000UL /* the physical address of the first byte of sample_pvh() */

size_t sample_multiboot2(u8 *to);
size_t sample_pvh(u8 *to);
size_t sample_cmdline(u8 *to);
size_t sample_madt(u8 *to); /* only the records of a MADT: types 0, 1, 2, 0 */
size_t sample_ivrs(u8 *to); /* a whole IVRS: the unit twice (10h and 11h), and an IVMD */
size_t sample_dmar(u8 *to); /* for the machine that sample_pci_read() shows */
size_t sample_elf(u8 *to);

/* Bridges, for the DMAR table: 00:06.0 to buses 1 to 3, 00:07.0 to 4 to 6, 04:00.1 to 5. */
u32 sample_pci_read(u16 rid, unsigned offset, unsigned size);
