/* The console: where the log and /dev/console go, and where typed characters come from. */
#pragma once

#include "lib/types.h"

/* A driver that shows text. Called with the console's lock held, one character at a time. */
void console_add_output(void (*put)(char c));
/* Writes text as it is. */
void console_write(const char *s, size_t n);
/* A driver that read a character; may be called from an interrupt. */
void console_input(char c);

/* Log messages above this level go to dmesg only. */
extern int console_loglevel;

/* Adds /dev/console, /dev/consctl and /proc/dmesg. */
void console_init(void);
