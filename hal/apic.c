#include "hal/apic.h"
#include "hal/acpi.h"
#include "hal/iommu.h"
#include "lib/abi.h"
#include "kernel/mem.h"
#include "kernel/x86.h"

/* Register numbers: x2APIC MSR 0x800 + n, xAPIC offset n * 16 (SDM table 11-6). */
enum {
	REG_ID = 0x2,
	REG_TPR = 0x8,
	REG_EOI = 0xb,
	REG_SPURIOUS = 0xf,
	REG_ISR_LAST = 0x17, /* in service: vectors 224 to 255 */
	REG_ICR = 0x30,
	REG_ICR_HIGH = 0x31,
	REG_LVT_TIMER = 0x32,
	REG_LVT_LINT0 = 0x35,
	REG_LVT_LINT1 = 0x36,
	REG_LVT_ERROR = 0x37,
	REG_TIMER_INITIAL = 0x38,
	REG_TIMER_CURRENT = 0x39,
	REG_TIMER_DIVIDE = 0x3e,
};
#define LVT_NMI         0x400
#define LVT_MASKED      BIT(16)
#define ICR_ASSERT      0x4000
#define ICR_PENDING     0x1000
#define VECTOR_SPURIOUS 0xff

static volatile u32 *xapic; /* NULL: x2APIC */

static struct ioapic {
	volatile u32 *reg;
	u32 gsi, inputs;
	u8 id;
} ioapics[4];
static unsigned nioapics;
static struct spinlock lock = SPINLOCK_INIT("apic");

static u32
read_reg(unsigned n)
{
	return xapic ? xapic[n * 4] : (u32)rdmsr(0x800 + n);
}

static void
write_reg(unsigned n, u32 v)
{
	if (xapic)
		xapic[n * 4] = v;
	else
		wrmsr(0x800 + n, v);
}

/* MADT type 1 (ACPI 5.2.12.3). */
static void
find_ioapics(const struct acpi_header *madt)
{
	const u8 *end = (const u8 *)madt + madt->length;

	for (const u8 *e = (const u8 *)madt + 44;
		(e = acpi_next(e, end, 1, 12)) && nioapics < NELEM(ioapics); e += e[1]) {
		struct ioapic *io = &ioapics[nioapics];

		io->gsi = acpi_get(e + 8, 4);
		io->id = e[2];
		if (!(io->reg = map_device(acpi_get(e + 4, 4), PAGE_SIZE)))
			continue;
		io->reg[0] = 1; /* version: entries - 1 in bits 23:16 */
		io->inputs = (io->reg[4] >> 16 & 0xff) + 1;
		nioapics++;
	}
}

void
apic_init(void)
{
	const struct acpi_header *madt = acpi_find("APIC");
	u32 r[4];

	cpuid(1, 0, r);
	if (!(r[2] & BIT(21)))
		xapic = map_device(rdmsr(MSR_APIC_BASE) & 0xffffff000UL, PAGE_SIZE);
	if (madt)
		find_ioapics(madt);
	outb(0x21, 0xff); /* the old 8259 pair: all masked */
	outb(0xa1, 0xff);
}

void
apic_init_cpu(void)
{
	/* Global enable; in x2APIC shape also bit 10 (SDM 11.12.1). */
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(11) | (xapic ? 0 : BIT(10)));
	write_reg(REG_TPR, 0);
	write_reg(REG_LVT_LINT0, LVT_MASKED);
	write_reg(REG_LVT_LINT1, LVT_NMI); /* the machine's NMI button: a panic, with registers */
	write_reg(REG_LVT_ERROR, LVT_MASKED);
	write_reg(REG_LVT_TIMER, LVT_MASKED);
	write_reg(REG_TIMER_DIVIDE, 3); /* by 16 */
	write_reg(REG_SPURIOUS, VECTOR_SPURIOUS | 0x100);
}

u32
apic_id(void)
{
	return xapic ? read_reg(REG_ID) >> 24 : read_reg(REG_ID);
}

void
apic_eoi(unsigned vector)
{
	if (vector == VECTOR_SPURIOUS && !(read_reg(REG_ISR_LAST) & BIT(31)))
		return;
	write_reg(REG_EOI, 0);
}

/* In xAPIC shape the register must be idle first, for 1 ms at most. */
void
apic_send(u32 to, u32 command)
{
	command |= ICR_ASSERT;
	irq_push_off();
	if (xapic) {
		for (unsigned i = 0; i < 1000000 && read_reg(REG_ICR) & ICR_PENDING; i++)
			pause();
		write_reg(REG_ICR_HIGH, to << 24);
		write_reg(REG_ICR, command);
	} else {
		wrmsr(0x800 + REG_ICR, (u64)to << 32 | command);
	}
	irq_pop();
}

void
apic_timer_vector(u8 vector)
{
	write_reg(REG_LVT_TIMER, vector);
}

void
apic_timer_start(u32 count)
{
	write_reg(REG_TIMER_INITIAL, count);
}

u32
apic_timer_count(void)
{
	return read_reg(REG_TIMER_CURRENT);
}

/* 82093AA datasheet, 3.2.4: a redirection entry is two 32-bit registers from 0x10 on. */
int
ioapic_route(u32 gsi, u8 vector, u32 apic_id)
{
	int err;

	for (struct ioapic *io = ioapics; io < ioapics + nioapics; io++) {
		u64 entry = (u64)apic_id << 56 | vector;

		if (gsi < io->gsi || gsi >= io->gsi + io->inputs)
			continue;
		if (irq_remap && (err = irq_remap->ioapic(io->id, vector, apic_id, &entry)))
			return err;
		spin_lock(&lock);
		io->reg[0] = 0x11 + 2 * (gsi - io->gsi);
		io->reg[4] = entry >> 32;
		io->reg[0] = 0x10 + 2 * (gsi - io->gsi);
		io->reg[4] = (u32)entry;
		spin_unlock(&lock);
		return 0;
	}
	return -ENODEV;
}
