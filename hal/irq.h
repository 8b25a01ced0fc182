/*
 * Interrupts: a handler is bound to a CPU vector, and a device's message or an IOAPIC input to
 * that vector. How a message reaches the vector (plainly, remapped by an IOMMU, or by a VMM that
 * holds the device's MSI-X table) is decided here and nowhere else.
 */
#pragma once

#include "hal/device.h"

typedef void (*irq_fn)(void *arg);

/* Vectors with a fixed use. Device vectors lie between FIRST and LAST. */
enum {
	VECTOR_DEVICE_FIRST = 0x30,
	VECTOR_DEVICE_LAST = 0xdf,
	VECTOR_TIMER = 0xe0,
	VECTOR_KICK = 0xe1, /* look again: there may be work */
	VECTOR_HOLD = 0xe2, /* do nothing for a while */
};

/* From trap(): ends the interrupt and runs its handler. Interrupts are off. */
void irq_dispatch(unsigned vector);

/* Sets the handler of a fixed vector. */
void irq_set(unsigned vector, irq_fn fn, void *arg, const char *name);

/* Binds a free vector; returns it, or -ENOMEM. */
int irq_alloc(irq_fn fn, void *arg, const char *name);
/* On return the handler runs nowhere, and never will. Not from the handler itself. */
void irq_free(int vector);

/*
 * Binds message `index` of a device to a handler on CPU `cpu`, and turns messages on. -ENODEV if
 * the device has no such message; else the errors of the VMM or IOMMU that has to agree.
 */
int irq_msi(struct device *dev, unsigned index, int cpu, irq_fn fn, void *arg, const char *name);
void irq_msi_free(struct device *dev, unsigned index);

/* Binds a global interrupt, edge-triggered, to CPU 0. -ENODEV if there is none of that number. */
int irq_gsi(u32 gsi, irq_fn fn, void *arg, const char *name);
