/* The local APIC, in both shapes: xAPIC (registers in memory) and x2APIC (MSRs). SDM vol. 3, 11. */
#ifndef HAL_APIC_H
#define HAL_APIC_H

#include "kernel/types.h"

void apic_init(void);     /* once: which shape; IOAPICs from the MADT */
void apic_init_cpu(void); /* on each CPU */
u32 apic_id(void);
void apic_eoi(void);
/* Sends `vector` to a CPU; and the two messages that start one. */
void apic_ipi(u32 apic_id, u8 vector);
void apic_send_init(u32 apic_id);
void apic_send_startup(u32 apic_id, u8 page);
/* Interrupts the other CPUs for good (panic). */
void apic_nmi_others(void);

/* The timer counts down from `count` by one per bus clock / 16, once or again and again. */
void apic_timer(u8 vector, u32 count, bool periodic);
u32 apic_timer_count(void);

/* Routes a global interrupt to a CPU's vector. -ENODEV if no IOAPIC has that input. */
int ioapic_route(u32 gsi, u8 vector, u32 apic_id);

#endif
