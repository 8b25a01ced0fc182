/* More than one CPU. */
#pragma once

/* Starts every CPU that the MADT names, up to MAX_CPUS; those that do not answer are left out. */
void smp_start(void);
/* Makes a CPU look again for work, or leave its guest. */
void smp_kick(int cpu);
/* For good, by NMI. */
void smp_stop_others(void);
/*
 * No other CPU does anything from the one to the other, in which interrupts are off: for what is
 * over at once. One thread at a time, without a spinlock.
 */
void smp_hold_others(void);
void smp_let_others(void);
