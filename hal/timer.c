#include "hal/timer.h"
#include "hal/apic.h"
#include "hal/irq.h"
#include "hal/pv.h"
#include "kernel/cpu.h"
#include "kernel/debug.h"
#include "kernel/proc.h"
#include "kernel/x86.h"

#define PIT_HZ       1193182
#define CALIBRATE_MS 10
#define APIC_DIVIDE  16
#define MAX_NS       60000000000UL /* at once: a longer wait is cut into several */

static u64 tsc_base, tsc_khz, apic_khz;
static u64 ns_mult; /* nanoseconds a tick of the TSC, times 2^32: no division for every look at the
		       time */

/* Waits on channel 2 of the 8254, whose gate and output are in port 0x61; false if it is dead. */
static bool
pit_wait(unsigned ms)
{
	u32 count = PIT_HZ / 1000 * ms;

	outb(0x61, (inb(0x61) & ~2) | 1); /* gate on, speaker off */
	outb(0x43, 0xb0);                 /* channel 2, mode 0: output rises at zero */
	outb(0x42, count & 0xff);
	outb(0x42, count >> 8);
	for (u64 i = 0; i < 100000000; i++) {
		if (inb(0x61) & 0x20)
			return true;
		pause();
	}
	return false;
}

/* TSC and APIC timer against the PIT, the shortest of three tries: others were disturbed. */
static void
calibrate(void)
{
	u64 best = ~0UL, ticks = 0;

	for (int i = 0; i < 3; i++) {
		u64 start;

		apic_timer_start(~0u);
		start = rdtsc();
		if (!pit_wait(CALIBRATE_MS))
			panic("timer: the PIT does not count");
		u64 tsc = rdtsc() - start;
		if (tsc < best) {
			best = tsc;
			ticks = ~0u - apic_timer_count();
		}
	}
	apic_timer_start(0);
	tsc_khz = best / CALIBRATE_MS;
	apic_khz = ticks * APIC_DIVIDE / CALIBRATE_MS;
}

void
timer_init(void)
{
	u32 r[4];

	if (pv_present()) {
		cpuid(HC_CPUID_TIMING, 0, r);
		tsc_khz = r[0];
		apic_khz = r[1];
	} else {
		calibrate();
	}
	if (!tsc_khz || !apic_khz)
		panic("timer: cannot calibrate (TSC %lu kHz, APIC %lu kHz)", tsc_khz, apic_khz);
	ns_mult = (1000000UL << 32) / tsc_khz;
	tsc_base = rdtsc();
	pr_info("timer: TSC %lu.%03lu MHz, APIC %lu.%03lu MHz", tsc_khz / 1000, tsc_khz % 1000,
		apic_khz / 1000, apic_khz % 1000);
}

u64
timer_tsc_to_ns(u64 tsc)
{
	return (unsigned __int128)tsc * ns_mult >> 32;
}

u64
timer_ns(void)
{
	return timer_tsc_to_ns(rdtsc() - tsc_base);
}

void
timer_delay_us(u64 us)
{
	u64 end = timer_ns() + us * 1000;

	while (timer_ns() < end)
		pause();
}

bool
timer_until(const volatile u32 *word, u32 mask, u32 want)
{
	u64 deadline = 0;

	for (; (*word & mask) != want; pause()) {
		u64 now = timer_ns();

		if (!deadline)
			deadline = now + 1000000000;
		else if (now > deadline)
			return false;
	}
	return true;
}

u32
timer_tsc_khz(void)
{
	return tsc_khz;
}

void
timer_arm(u64 deadline_ns)
{
	u64 now = timer_ns(), ns = deadline_ns > now ? MIN(deadline_ns - now, MAX_NS) : 0;

	apic_timer_start(MIN(ns * apic_khz / (1000000 * APIC_DIVIDE) + 1, ~0u));
}

static void
interrupt(void *arg)
{
	u64 now = timer_ns();

	sched_tick(now);
	debug_tick(now);
}

void
timer_init_cpu(void)
{
	irq_set(VECTOR_TIMER, interrupt, NULL, "timer");
	apic_timer_vector(VECTOR_TIMER);
}
