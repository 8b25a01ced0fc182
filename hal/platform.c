#include "hal/platform.h"
#include "hal/acpi.h"
#include "hal/pv.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"
#include "kernel/x86.h"

#define PORT_DEBUG_EXIT 0xf4 /* QEMU's isa-debug-exit, and our VMM's */

static const u8 *ecam; /* of bus 0; NULL: use the ports */
static unsigned last_bus = 255;
static struct {
	u16 pm1a;       /* 0: no ACPI power-off */
	u16 sleep_type; /* bits 12:10 */
} s5;

/* ACPI 5.2.9 (FADT) and 7.4.2.6: the value that \_S5 wants in PM1a_CNT, found in the DSDT. */
static void
find_s5(void)
{
	const struct acpi_header *fadt = acpi_find("FACP"), *dsdt;
	u32 pm1a, dsdt_pa;

	if (!fadt || fadt->length < 68)
		return;
	memcpy(&dsdt_pa, (const u8 *)fadt + 40, 4);
	memcpy(&pm1a, (const u8 *)fadt + 64, 4);
	s5.pm1a = pm1a;
	if (!(dsdt = acpi_at(dsdt_pa)))
		return;
	/* Name(_S5_, Package(){SLP_TYPa, …}): 08 "_S5_" 12 length count, then 0a NN or 00/01. */
	const u8 *p = (const u8 *)dsdt, *end = p + dsdt->length;
	for (; end - p > 8; p++) {
		if (memcmp(p, "_S5_\x12", 5) == 0) {
			const u8 *value = p + 5 + (p[5] >> 6) + 2;
			if (value + 1 < end)
				s5.sleep_type = (value[0] == 0x0a ? value[1] : value[0]) << 10;
			break;
		}
	}
}

/* PCI firmware specification 3.0, 4.1.2: MCFG. Only segment 0. */
static void
find_ecam(void)
{
	const struct acpi_header *mcfg = acpi_find("MCFG");
	u64 base;

	if (!mcfg || mcfg->length < 44 + 16)
		return;
	const u8 *e = (const u8 *)mcfg + 44;
	memcpy(&base, e, 8);
	if (e[8] != 0 || e[9] != 0 || e[10] != 0)
		return;
	last_bus = e[11];
	ecam = map_device(base, (last_bus + 1UL) << 20);
}

void
platform_init(void)
{
	acpi_init();
	find_ecam();
	find_s5();
	pr_info("platform: %s, configuration space by %s",
		pv_present() ? "VM of HalcyonVMM" : "machine", ecam ? "ECAM" : "ports");
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
	outl(0xcf8, 1u << 31 | (u32)rid << 8 | (offset & 0xfc));
	return 0xcfc + (offset & 3);
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
platform_debug_exit(u32 status)
{
	outl(PORT_DEBUG_EXIT, status);
}

void
platform_poweroff(void)
{
	if (s5.pm1a)
		outw(s5.pm1a, s5.sleep_type | 1 << 13); /* SLP_EN */
	pr_warn("platform: power-off did not work");
}
