/* Formatted text: %d %u %x %c %s %p %%, with l or z, a width, '-', '0', and %.*s. */
#pragma once

#include "lib/types.h"

/*
 * Text that grows in a fixed buffer: what /proc files and replies are made of. What does not fit
 * is dropped, and `lost` counts it. Always ends with NUL if size is not 0.
 */
struct text {
	char *buf;
	size_t size, len, lost; /* bytes */
	u64 taken;              /* of a reply, by reads: bytes */
};
/* An empty one, in an array. */
#define TEXT_ON(array)                                \
	{                                             \
		.buf = (array), .size = sizeof(array) \
	}
void text_vprintf(struct text *t, const char *fmt, va_list ap);
void text_printf(struct text *t, const char *fmt, ...) PRINTF(2, 3);
/* In a function of variable arguments: appends those behind `fmt` as it says. */
#define text_args(t, fmt)                  \
	do {                               \
		va_list ap_;               \
		va_start(ap_, fmt);        \
		text_vprintf(t, fmt, ap_); \
		va_end(ap_);               \
	} while (0)

/* Both return the length that the whole text has, also if less fits. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);

/* The text of an error number, with its minus or without. */
const char *strerror(int err);
