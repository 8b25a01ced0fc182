#include "hal/pciconf.h"
#include "hal/smp.h"
#include "hal/acpi.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"
#include "kernel/x86.h"

static const u8 *ecam; /* of bus 0; NULL: use the ports */
static unsigned last_bus = 255;

/* PCI firmware specification 3.0, 4.1.2: MCFG. Only segment 0. */
void
pciconf_init(void)
{
	const struct acpi_header *mcfg = acpi_find("MCFG");

	if (!mcfg || mcfg->length < 44 + 16)
		return;
	const u8 *e = (const u8 *)mcfg + 44;
	if (acpi_get(e + 8, 3)) /* segment, first bus */
		return;
	last_bus = e[11];
	ecam = map_device(acpi_get(e, 8), (last_bus + 1UL) << 20);
}

unsigned
pci_last_bus(void)
{
	return last_bus;
}

static struct spinlock port_lock = SPINLOCK_INIT("pci ports");

/* Configuration mechanism #1, PCI local bus 3.2.2.3.2. Lock held. */
static u16
select_port(rid_t rid, unsigned offset)
{
	outl(PCI_PORT_ADDRESS, 1u << 31 | (u32)rid << 8 | (offset & 0xfc));
	return PCI_PORT_DATA + (offset & 3);
}

u32
pci_read(rid_t rid, unsigned offset, unsigned size)
{
	u32 v;

	if (ecam && RID_BUS(rid) <= last_bus) {
		const volatile u8 *p = ecam + ((u64)rid << 12) + offset;
		return size == 1   ? *p
		       : size == 2 ? *(const volatile u16 *)p
				   : *(const volatile u32 *)p;
	}
	if (offset > 255)
		return ~0u;
	spin_lock(&port_lock);
	u16 port = select_port(rid, offset);
	v = size == 1 ? inb(port) : size == 2 ? inw(port) : inl(port);
	spin_unlock(&port_lock);
	return v;
}

void
pci_write(rid_t rid, unsigned offset, unsigned size, u32 v)
{
	if (ecam && RID_BUS(rid) <= last_bus) {
		volatile u8 *p = (volatile u8 *)ecam + ((u64)rid << 12) + offset;
		if (size == 1)
			*p = v;
		else if (size == 2)
			*(volatile u16 *)p = v;
		else
			*(volatile u32 *)p = v;
		return;
	}
	if (offset > 255)
		return;
	spin_lock(&port_lock);
	u16 port = select_port(rid, offset);
	if (size == 1)
		outb(port, v);
	else if (size == 2)
		outw(port, v);
	else
		outl(port, v);
	spin_unlock(&port_lock);
}

void
pci_write_map(rid_t rid, unsigned offset, unsigned size, u32 v)
{
	smp_hold_others();
	pci_write(rid, offset, size, v);
	smp_let_others();
}

void
pci_command(rid_t rid, u16 clear, u16 set)
{
	u16 v = pci_read(rid, CFG_COMMAND, 2);

	pci_write(rid, CFG_COMMAND, 2, (v & ~clear) | set);
}
