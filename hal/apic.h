/* The local APIC, in both shapes: xAPIC (registers in memory) and x2APIC (MSRs). SDM vol. 3, 11. */
#pragma once

#include "lib/types.h"

void apic_init(void);     /* once: which shape; IOAPICs from the MADT */
void apic_init_cpu(void); /* on each CPU */
u32 apic_id(void);
/* Ends an interrupt. A spurious one has no end, unless a device has sent its vector: SDM 11.9. */
void apic_eoi(unsigned vector);
/* Writes the interrupt command register, SDM 11.6.1: a vector for a CPU, or one of these. */
enum {
	IPI_INIT = 0x500,
	IPI_STARTUP = 0x600 /* and the page */,
	IPI_OTHERS = 0xc0000 /* and the vector */,
	IPI_NMI_OTHERS = 0xc0400
};
void apic_send(u32 apic_id, u32 command);

/*
 * The timer counts down from `count` by one per bus clock / 16, once, and then interrupts; 0 stops
 * it. Never again and again: QEMU 7.2, when that mode is set while a short count still runs, makes
 * up for each period that it missed, and hangs.
 */
void apic_timer_vector(u8 vector); /* until then: none */
void apic_timer_start(u32 count);
u32 apic_timer_count(void);

/* Routes a global interrupt to a CPU's vector. -ENODEV if no IOAPIC has that input. */
int ioapic_route(u32 gsi, u8 vector, u32 apic_id);
