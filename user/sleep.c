/* sleep: waits. */
#include "user/user.h"

const char usage_text[] = "sleep SECONDS (such as 2 or 0.2)";

/* Returns the milliseconds that a decimal number of seconds has. */
static unsigned
milliseconds(const char *s)
{
	u64 value = 0;
	unsigned unit = 1000;

	if (*s != '.' && !(s = parse_number(s, &value)))
		usage(2);
	value *= 1000;
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++)
			value += (*s - '0') * (unit /= 10);
	if (*s || value > UINT32_MAX)
		usage(2);
	return value;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	int error;

	while (next_option(&args, "", NULL))
		;
	if (argc - (args - argv) != 1)
		usage(2);
	error = sleep(milliseconds(*args));
	if (error < 0)
		die("%s", strerror(error));
	return 0;
}
