/* Time: the TSC as a clock in nanoseconds, and each CPU's alarm. */
#pragma once

#include "lib/types.h"

#define TICK_NS 10000000UL /* a time slice */

void timer_init(void);     /* calibrates; before that time stands still */
void timer_init_cpu(void); /* from then on it interrupts, when it is armed */

/* Nanoseconds since timer_init(). */
u64 timer_ns(void);
/* Waits without giving up the CPU: for hardware only, and short. */
void timer_delay_us(u64 us);
/*
 * Waits until the masked bits of a word, which a device or another CPU writes, are as wanted: for a
 * second, then false.
 */
bool timer_until(const volatile u32 *word, u32 mask, u32 want);

/* The TSC's rate, for who has to tell a guest. */
u32 timer_tsc_khz(void);
/* Converts between TSC ticks and nanoseconds. */
u64 timer_tsc_to_ns(u64 tsc);

/*
 * Has this CPU's clock interrupt once, at that time (nanoseconds as above), or a little or, if that
 * is far, much earlier: sched_tick() arms it again. What was armed before is forgotten. Interrupts
 * are off.
 */
void timer_arm(u64 deadline_ns);
