/* Formatted printing. Each call makes one write(), so lines of several programs do not mix. */
#include "user/user.h"

struct sink {
	char *buf;
	size_t size, length; /* length counts what did not fit too */
};

struct field {
	bool left, zero;
	int width;
};

/* Adds a character to the sink, or only counts it when there is no room. */
static void
put(struct sink *out, char c)
{
	if (out->length + 1 < out->size)
		out->buf[out->length] = c;
	out->length++;
}

/* Adds prefix and body, padded as the field asks; zeros go between the two. */
static void
put_field(struct sink *out, struct field f, const char *prefix, const char *body, int n)
{
	int pad = f.width - n - (int)strlen(prefix);

	for (; pad > 0 && !f.left && !f.zero; pad--)
		put(out, ' ');
	while (*prefix)
		put(out, *prefix++);
	for (; pad > 0 && !f.left; pad--)
		put(out, '0');
	while (n-- > 0)
		put(out, *body++);
	for (; pad > 0; pad--)
		put(out, ' ');
}

/* Adds a number in the given base. */
static void
put_number(struct sink *out, struct field f, const char *prefix, u64 value, unsigned base)
{
	char digits[20];
	char *p = digits + sizeof(digits);

	do
		*--p = "0123456789abcdef"[value % base];
	while (value /= base);
	put_field(out, f, prefix, p, digits + sizeof(digits) - p);
}

/* Formats into buf, always ended by NUL; returns the length that the whole text has. */
int
vsnprintf(char *buf, size_t size, const char *format, va_list args)
{
	struct sink out = {buf, size, 0};

	for (; *format; format++) {
		struct field f = {0};
		int limit = -1, length = 0;
		bool wide = false;
		const char *s;
		char c;
		s64 value;

		if (*format != '%') {
			put(&out, *format);
			continue;
		}
		for (format++; *format == '-' || *format == '0'; format++) {
			f.left |= *format == '-';
			f.zero |= *format == '0';
		}
		for (; *format >= '0' && *format <= '9'; format++)
			f.width = f.width * 10 + (*format - '0');
		if (format[0] == '.' && format[1] == '*') {
			limit = va_arg(args, int);
			format += 2;
		}
		for (; *format == 'l'; format++)
			wide = true;

		switch (*format) {
		case 'd':
			value = wide ? va_arg(args, long) : va_arg(args, int);
			put_number(&out, f, value < 0 ? "-" : "",
				value < 0 ? -(u64)value : (u64)value, 10);
			break;
		case 'u':
		case 'x':
			put_number(&out, f, "", wide ? va_arg(args, u64) : va_arg(args, unsigned),
				*format == 'u' ? 10 : 16);
			break;
		case 'p':
			put_number(&out, f, "0x", (u64)va_arg(args, void *), 16);
			break;
		case 's':
			s = va_arg(args, const char *);
			s = s ? s : "(null)";
			while (length != limit && s[length])
				length++;
			f.zero = false;
			put_field(&out, f, "", s, length);
			break;
		case 'c':
			c = va_arg(args, int);
			put_field(&out, f, "", &c, 1);
			break;
		case '%':
			put(&out, '%');
			break;
		default: /* a mistake in the program: show it rather than guess */
			put(&out, '%');
			format--;
		}
	}
	if (size)
		buf[MIN(out.length, size - 1)] = '\0';
	return out.length;
}

/* Formats into buf, always ended by NUL; returns the length that the whole text has. */
int
snprintf(char *buf, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buf, size, format, args);
	va_end(args);
	return n;
}

/* Writes prefix, formatted text and suffix to fd with one write(). */
static void
print(int fd, const char *prefix, const char *format, va_list args, const char *suffix)
{
	char small[256], *text = small;
	size_t before = strlen(prefix), after = strlen(suffix), n;
	va_list again;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (before + n + after + 1 > sizeof(small) && !(text = malloc(before + n + after + 1)))
		return;
	memcpy(text, prefix, before);
	vsnprintf(text + before, n + 1, format, args);
	memcpy(text + before + n, suffix, after);
	write_full(fd, text, before + n + after);
	if (text != small)
		free(text);
}

/* Prints to a file descriptor. */
void
fprintf(int fd, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(fd, "", format, args, "");
	va_end(args);
}

/* Prints to standard output. */
void
printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print(1, "", format, args, "");
	va_end(args);
}

/* Prints "NAME: message" on standard error. */
static void
complain(const char *format, va_list args)
{
	char prefix[NAME_MAX + 3];

	snprintf(prefix, sizeof(prefix), "%s: ", program_name);
	print(2, prefix, format, args, "\n");
}

/* Prints "NAME: message" on standard error. */
void
warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
}

/* Prints "NAME: message" on standard error and exits with status 1. */
void
die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(format, args);
	va_end(args);
	exit(1);
}
