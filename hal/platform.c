#include "hal/platform.h"
#include "hal/acpi.h"
#include "hal/irq.h"
#include "hal/pciconf.h"
#include "hal/pv.h"
#include "hal/timer.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/proc.h"
#include "kernel/x86.h"

#define PORT_DEBUG_EXIT 0xf4   /* QEMU's isa-debug-exit, and our VMM's */
#define PWRBTN          BIT(8) /* in the PM1 event registers */

static struct {
	u16 pm1a;       /* 0: no ACPI power-off */
	u16 sleep_type; /* bits 12:10 */
} s5;

static struct {
	struct spinlock lock;
	u16 event; /* the PM1a event registers */
	bool pressed;
} button = {.lock = SPINLOCK_INIT("power button")};

/* ACPI 5.2.9 (FADT) and 7.4.2.6: the value that \_S5 wants in PM1a_CNT, found in the DSDT. */
static void
find_s5(void)
{
	const struct acpi_header *fadt = acpi_find("FACP"), *dsdt;

	if (!fadt || fadt->length < 68)
		return;
	s5.pm1a = acpi_get((const u8 *)fadt + 64, 4);
	if (!(dsdt = acpi_at(acpi_get((const u8 *)fadt + 40, 4))))
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

void
platform_init(void)
{
	acpi_init();
	pciconf_init();
	find_s5();
	pr_info("platform: %s", pv_present() ? "VM of HalcyonVMM" : "machine");
}

void
platform_debug_exit(u32 status)
{
	outl(PORT_DEBUG_EXIT, status);
}

void
platform_poweroff(void)
{
	if (s5.pm1a) {
		outw(s5.pm1a, s5.sleep_type | 1 << 13); /* SLP_EN */
		timer_delay_us(1000000);                /* it does not happen at once */
	}
	pr_warn("platform: power-off did not work");
}

/* ACPI 4.8.3.1: what the status register says is cleared, so that the next event interrupts. */
static void
acpi_interrupt(void *arg)
{
	u16 status = inw(button.event);

	outw(button.event, status);
	if (!(status & PWRBTN))
		return;
	spin_lock(&button.lock);
	button.pressed = true;
	spin_unlock(&button.lock);
	wakeup(&button);
}

/* The interrupt is taken at its rising edge: where it is active low, a button comes to nothing. */
bool
platform_wait_button(void)
{
	const u8 *fadt = (const u8 *)acpi_find("FACP");

	if (!fadt || ((const struct acpi_header *)fadt)->length < 92 || !s5.pm1a)
		return false;
	button.event = acpi_get(fadt + 56, 4);
	if (!button.event || irq_gsi(acpi_get(fadt + 46, 2), acpi_interrupt, NULL, "acpi"))
		return false;
	if (!(inw(s5.pm1a) & 1) &&
		acpi_get(fadt + 48, 4)) /* SCI_EN: events are ours, not the firmware's */
		outb(acpi_get(fadt + 48, 4), fadt[52]);
	outw(button.event, PWRBTN);
	outw(button.event + fadt[88] / 2, PWRBTN);
	spin_lock(&button.lock);
	while (!button.pressed)
		proc_sleep(&button, &button.lock);
	spin_unlock(&button.lock);
	return true;
}
