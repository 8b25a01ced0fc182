#include "hal/smp.h"
#include "hal/acpi.h"
#include "hal/apic.h"
#include "hal/irq.h"
#include "hal/timer.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"
#include "kernel/x86.h"

#define TRAMPOLINE 0x8000UL

extern const char ap_trampoline[], ap_trampoline_end[];
u64 ap_stack, ap_cr3; /* boot.S loads them */
void ap_main(void) NORETURN;

static volatile u32 ap_up;         /* how many have said that they are */
static volatile u32 holding, held; /* whether the others are to wait, and how many do */

/* The first C of another CPU, on its own stack. */
void
ap_main(void)
{
	int id = ncpus;

	cpu_init(id);
	mem_init_cpu();
	apic_init_cpu();
	cpus[id].apic_id = apic_id();
	timer_init_cpu();
	__atomic_store_n(&ap_up, id, __ATOMIC_RELEASE);
	scheduler();
}

/* Wakes one CPU (SDM vol. 3, 9.4.4.1) and waits until it is up. */
static bool
start(u32 apic_id)
{
	paddr_t stack = frame_alloc(KERNEL_STACK_ORDER, FRAME_STACK);

	if (!stack)
		return false;
	ap_stack = (u64)phys_to_virt(stack) + (PAGE_SIZE << KERNEL_STACK_ORDER);
	ap_cr3 = read_cr3();
	apic_send(apic_id, IPI_INIT);
	timer_delay_us(10000);
	for (int i = 0; i < 2; i++) {
		apic_send(apic_id, IPI_STARTUP | TRAMPOLINE >> PAGE_SHIFT);
		timer_delay_us(200);
	}
	if (!timer_until(&ap_up, ~0u, ncpus)) {
		apic_send(apic_id, IPI_INIT); /* or it might come yet, and take another's place */
		return false;
	}
	ncpus++;
	return true;
}

/* Whether a MADT record (ACPI 5.2.12.2 and .12) names a CPU that may be started, and which. */
static bool
usable(const u8 *e, u32 *id)
{
	bool wide = e[0] != 0;

	*id = wide ? acpi_get(e + 4, 4) : e[3];
	for_each_cpu (c)
		if (c->apic_id == *id)
			return false; /* runs already: named twice, by both kinds of record */
	return acpi_get(e + (wide ? 8 : 4), 4) & 1;
}

static void
hold(void *arg)
{
	__atomic_add_fetch(&held, 1, __ATOMIC_SEQ_CST);
	while (holding)
		pause();
	__atomic_sub_fetch(&held, 1, __ATOMIC_SEQ_CST);
}

void
smp_hold_others(void)
{
	irq_push_off();
	holding = true;
	if (ncpus > 1)
		apic_send(0, IPI_OTHERS | VECTOR_HOLD);
	timer_until(&held, ~0u, ncpus - 1);
}

void
smp_let_others(void)
{
	holding = false;
	timer_until(&held, ~0u, 0); /* else who is late would count for the next time */
	irq_pop();
}

void
smp_start(void)
{
	const struct acpi_header *madt = acpi_find("APIC");
	const u8 *end = (const u8 *)madt + (madt ? madt->length : 0);

	irq_set(VECTOR_KICK, NULL, NULL, "kick");
	irq_set(VECTOR_HOLD, hold, NULL, "hold");
	memcpy(phys_to_virt(TRAMPOLINE), ap_trampoline, ap_trampoline_end - ap_trampoline);
	for (int type = 0; madt && type <= 9; type += 9) { /* local APIC, local x2APIC */
		const u8 *e = (const u8 *)madt + 44;
		for (; (e = acpi_next(e, end, type, type ? 16 : 8)); e += e[1]) {
			u32 id;
			if (!usable(e, &id))
				continue;
			if (ncpus == MAX_CPUS)
				pr_warn("smp: CPU with APIC id %u left out: %d is the most", id,
					MAX_CPUS);
			else if (!start(id))
				pr_warn("smp: CPU with APIC id %u does not start", id);
		}
	}
	pr_info("smp: %d CPU%s", ncpus, ncpus == 1 ? "" : "s");
}

void
smp_kick(int cpu)
{
	apic_send(cpus[cpu].apic_id, VECTOR_KICK);
}

void
smp_stop_others(void)
{
	if (ncpus > 1)
		apic_send(0, IPI_NMI_OTHERS);
}
