/* The command line of a kernel: what its loader was told to tell it. */
#pragma once

#include "lib/types.h"

#define CMDLINE_MAX 1024 /* bytes, with the NUL */

/*
 * The value of option `name` on the command line, in buf; false if absent. Words are separated
 * by blanks; quotes and backslashes work as in a shell, around the value or the whole word
 * (GRUB re-quotes `a="b c"` as `"a=b c"`).
 */
bool cmdline_get(const char *cmdline, const char *name, char *buf, size_t size);
