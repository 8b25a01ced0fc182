/* printf's formatting into a struct text, and the texts of errors. */
#include "lib/abi.h"
#include "lib/format.h"
#include "lib/string.h"

static void
put(struct text *t, char c)
{
	if (t->len + 1 < t->size) {
		t->buf[t->len++] = c;
		t->buf[t->len] = 0;
	} else {
		t->lost++;
	}
}

/* Puts n bytes of s, padded to width: on the right if left, else in front (zeros behind a sign). */
static void
put_padded(struct text *t, const char *s, size_t n, size_t width, bool left, char pad)
{
	size_t fill = width > n ? width - n : 0;

	if (pad == '0' && n && *s == '-' && !left) {
		put(t, *s++);
		n--;
	}
	if (!left)
		for (; fill; fill--)
			put(t, pad);
	while (n--)
		put(t, *s++);
	for (; fill; fill--)
		put(t, ' ');
}

/* Writes v's digits into the end of a buffer of 24 bytes; returns where they begin. */
static char *
digits(char *end, u64 v, unsigned base, bool negative)
{
	do {
		*--end = "0123456789abcdef"[v % base];
	} while (v /= base);
	if (negative)
		*--end = '-';
	return end;
}

void
text_vprintf(struct text *t, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(t, *fmt);
			continue;
		}
		bool left = false, is_long = false;
		char pad = ' ', number[24], *end = number + sizeof(number), *s;
		size_t width = 0, limit = (size_t)-1;
		u64 v;

		for (fmt++; *fmt == '-' || *fmt == '0'; fmt++) {
			left |= *fmt == '-';
			if (*fmt == '0')
				pad = '0';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			width = width * 10 + (*fmt - '0');
		if (fmt[0] == '.' && fmt[1] == '*') {
			limit = (size_t)(s64)va_arg(ap, int); /* less than 0: none */
			fmt += 2;
		}
		for (; *fmt == 'l' || *fmt == 'z'; fmt++)
			is_long = true;
		switch (*fmt) {
		case 'd':
			v = is_long ? va_arg(ap, u64) : (u64)(s64)va_arg(ap, int);
			s = digits(end, (s64)v < 0 ? -v : v, 10, (s64)v < 0);
			put_padded(t, s, end - s, width, left, pad);
			break;
		case 'p':
			s = digits(end, va_arg(ap, u64), 16, false);
			*--s = 'x';
			*--s = '0';
			put_padded(t, s, end - s, width, left, pad);
			break;
		case 'u':
		case 'x':
			v = is_long ? va_arg(ap, u64) : va_arg(ap, u32);
			s = digits(end, v, *fmt == 'u' ? 10 : 16, false);
			put_padded(t, s, end - s, width, left, pad);
			break;
		case 'c':
			number[0] = va_arg(ap, int);
			put_padded(t, number, 1, width, left, ' ');
			break;
		case 's':
			s = va_arg(ap, char *);
			if (!s)
				s = "(null)";
			put_padded(t, s, strnlen(s, limit), width, left, ' ');
			break;
		case '%':
			put(t, '%');
			break;
		default: /* a mistake in the caller: show it rather than guess */
			put(t, '%');
			fmt--;
		}
	}
}

void
text_printf(struct text *t, const char *fmt, ...)
{
	text_args(t, fmt);
}

int
vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct text t = {.buf = buf, .size = size};

	if (size)
		buf[0] = 0;
	text_vprintf(&t, fmt, ap);
	return t.len + t.lost;
}

int
snprintf(char *buf, size_t size, const char *fmt, ...)
{
	struct text t = {.buf = buf, .size = size};

	if (size)
		buf[0] = 0;
	text_args(&t, fmt);
	return t.len + t.lost;
}

const char *
strerror(int err)
{
	switch (err < 0 ? -err : err) {
#define X(name, number, text) \
	case number:          \
		return text;
		ERRNO_LIST(X)
#undef X
	}
	return "unknown error";
}
