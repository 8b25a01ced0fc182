#include "hal/irq.h"
#include "hal/apic.h"
#include "hal/pciconf.h"
#include "hal/pv.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/trace.h"
#include "kernel/x86.h"

static struct {
	irq_fn fn;
	void *arg;
	const char *name;
	u64 count;
	bool no_eoi; /* a VMM's, which ends it as it begins */
	u32 running; /* CPUs in the handler now */
} vectors[256];
static struct spinlock lock = SPINLOCK_INIT("irq");

/* The handler that begins, with the name that it was given. */
static void
trace_entry(unsigned vector)
{
	u64 name[2] = {0};

	strlcpy((char *)name, vectors[vector].name, sizeof(name));
	trace_irq_handler_entry(vector, 0, name[0], name[1]);
}

void
irq_dispatch(unsigned vector)
{
	irq_fn fn;

	vectors[vector].count++;
	/* Counted before fn is read, so that irq_free() sees us or we see that it is gone. */
	__atomic_add_fetch(&vectors[vector].running, 1, __ATOMIC_SEQ_CST);
	/* First: it may be an exit, in which an alarm that fn has set must not go off. */
	if (!vectors[vector].no_eoi)
		apic_eoi(vector);
	fn = __atomic_load_n(&vectors[vector].fn, __ATOMIC_SEQ_CST);
	if (UNLIKELY(trace_on[TRACE_irq_handler_entry]) && fn)
		trace_entry(vector);
	if (fn)
		fn(vectors[vector].arg);
	trace_irq_handler_exit(vector, 0, 0, 0);
	__atomic_sub_fetch(&vectors[vector].running, 1, __ATOMIC_RELEASE);
}

void
irq_set(unsigned vector, irq_fn fn, void *arg, const char *name)
{
	vectors[vector].arg = arg;
	vectors[vector].name = name;
	WRITE_ONCE(vectors[vector].fn, fn);
}

int
irq_alloc(irq_fn fn, void *arg, const char *name)
{
	int vector = -ENOMEM;

	spin_lock(&lock);
	for (int v = VECTOR_DEVICE_FIRST; v <= VECTOR_DEVICE_LAST && vector < 0; v++) {
		if (!vectors[v].fn) {
			irq_set(v, fn, arg, name);
			vectors[v].count = 0;
			vectors[v].no_eoi = false;
			vector = v;
		}
	}
	spin_unlock(&lock);
	return vector;
}

void
irq_free(int vector)
{
	__atomic_store_n(&vectors[vector].fn, NULL, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&vectors[vector].running, __ATOMIC_ACQUIRE))
		pause();
}

/* PCI local bus 6.8.1: the one message of an MSI capability. */
static void
write_msi(struct device *dev, const struct msi_msg *m, bool enable)
{
	/* LAB 1: step 3: the message, and whether it is enabled. */
	u16 control = pci_read(dev->rid, dev->msi_cap + 2, 2);
	unsigned data = control & BIT(7) ? 12 : 8; /* 64-bit address? */

	/* Off while it changes: half a message would be a write to anywhere. */
	pci_write(dev->rid, dev->msi_cap + 2, 2, control & ~BIT(0));
	pci_write(dev->rid, dev->msi_cap + 4, 4, (u32)m->addr);
	if (data == 12)
		pci_write(dev->rid, dev->msi_cap + 8, 4, m->addr >> 32);
	pci_write(dev->rid, dev->msi_cap + data, 2, m->data);
	/* one message enabled (bits 6:4 = 0) */
	pci_write(dev->rid, dev->msi_cap + 2, 2, (control & ~0x71) | enable);
	/* LAB 1 ELSE
	LAB 1 END */
}

/* PCI local bus 6.8.2: entry `index` of the MSI-X table; masked while it changes. */
static void
write_msix(struct device *dev, unsigned index, const struct msi_msg *m, bool enable)
{
	volatile u32 *e = dev->msix_table + 4 * index;
	u16 control = pci_read(dev->rid, dev->msix_cap + 2, 2);

	e[3] = 1;
	e[0] = (u32)m->addr;
	e[1] = m->addr >> 32;
	e[2] = m->data;
	e[3] = !enable;
	if (enable && !(control & BIT(15)))
		pci_write(dev->rid, dev->msix_cap + 2, 2, (control & ~BIT(14)) | BIT(15));
}

/*
 * What tells a message from all others that come with the same requester id: the device's index,
 * and the device where a bridge stands for several.
 */
static unsigned
message_key(const struct device *dev, unsigned index)
{
	return dev->alias == dev->rid ? index : index | (unsigned)dev->rid << 16;
}

/* On the machine: a message to the CPU, remapped where the IOMMU can. */
static int
route_native(struct device *dev, unsigned index, u8 vector, u32 apic_id)
{
	/* SDM vol. 3, 11.11: fixed delivery, edge, physical destination. */
	struct msi_msg m = {MSI_START | apic_id << 12, vector};
	int err;

	if (!dev->msix_table && (!dev->msi_cap || index))
		return -ENODEV;
	if (irq_remap &&
		(err = irq_remap->msi(dev->alias, message_key(dev, index), vector, apic_id, &m)))
		return err;
	if (dev->msix_table)
		write_msix(dev, index, &m, true);
	else
		write_msi(dev, &m, true);
	return 0;
}

int
irq_msi(struct device *dev, unsigned index, int cpu, irq_fn fn, void *arg, const char *name)
{
	u32 to = cpus[cpu].apic_id;
	int vector, err;

	if (index >= dev->msi_count || index >= NELEM(dev->msi_vector))
		return -ENODEV;
	if (dev->msi_vector[index])
		return -EEXIST;
	if ((vector = irq_alloc(fn, arg, name)) < 0)
		return vector;
	if ((vectors[vector].no_eoi = pv_present())) /* its end would be an exit */
		err = pv_call(HC_bind, dev->rid, index, vector | HC_NO_EOI, to, 0);
	else
		err = route_native(dev, index, vector, to);
	if (err) {
		irq_free(vector);
		return err;
	}
	dev->msi_vector[index] = vector;
	return 0;
}

void
irq_msi_free(struct device *dev, unsigned index)
{
	static const struct msi_msg none;

	if (index >= NELEM(dev->msi_vector) || !dev->msi_vector[index])
		return;
	if (pv_present()) {
		pv_call(HC_unbind, dev->rid, index, 0, 0, 0);
	} else {
		if (dev->msix_table)
			write_msix(dev, index, &none, false);
		else
			write_msi(dev, &none, false);
		if (irq_remap)
			irq_remap->msi_free(dev->alias, message_key(dev, index));
	}
	irq_free(dev->msi_vector[index]);
	dev->msi_vector[index] = 0;
}

int
irq_gsi(u32 gsi, irq_fn fn, void *arg, const char *name)
{
	int vector = irq_alloc(fn, arg, name), err;

	if (vector < 0)
		return vector;
	err = pv_present() ? pv_call(HC_gsi, gsi, vector, cpus[0].apic_id, 0, 0)
			   : ioapic_route(gsi, vector, cpus[0].apic_id);
	if (err)
		irq_free(vector);
	return err;
}

static void
show_interrupts(struct text *t)
{
	text_printf(t, "%-6s %12s  %s\n", "VECTOR", "COUNT", "NAME");
	for (unsigned v = 0; v < 256; v++)
		if (vectors[v].fn)
			text_printf(
				t, "0x%02x   %12lu  %s\n", v, vectors[v].count, vectors[v].name);
}
PROC_FILE("interrupts", show_interrupts);
