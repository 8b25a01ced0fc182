/* More than one CPU. */
#pragma once

/* Starts every CPU that the MADT names, up to MAX_CPUS; those that do not answer are left out. */
void smp_start(void);
/* Makes a CPU look again for work, or leave its guest. */
void smp_kick(int cpu);
void smp_stop_others(void);
