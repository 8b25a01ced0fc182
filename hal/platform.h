/* Where we run, and what the firmware says about it. */
#pragma once

#include "lib/types.h"

/* Finds out: machine or VM, ACPI tables, configuration space. Before interrupts and timer. */
void platform_init(void);

/* Ends QEMU (or our VMM's guest) through the debug-exit port; returns if there is none. */
void platform_debug_exit(u32 status);
/* Turns the machine off by ACPI; returns if that did not work. */
void platform_poweroff(void);
/* Returns when somebody presses the power button; false at once if there is none. May sleep. */
bool platform_wait_button(void);
