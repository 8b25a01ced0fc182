/* Formatted printing. Each call makes one write(), so lines of several programs do not mix. */
#include "user/user.h"

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
