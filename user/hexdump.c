/* hexdump: shows a file's bytes, sixteen a line; a '*' stands for lines equal to the one before. */
#include "user/user.h"

const char usage_text[] = "hexdump [-C] [-n LENGTH] [-s SKIP] [FILE]";

enum { WIDTH = 16 };

/* Prints the line of n bytes at an offset. */
static void
print_line(u64 offset, const u8 *bytes, size_t n)
{
	char hex[WIDTH * 3 + 2], text[WIDTH + 1];
	size_t length = 0;

	for (size_t i = 0; i < n; i++) {
		length += snprintf(hex + length, sizeof(hex) - length, "%s%02x ",
			i == WIDTH / 2 ? " " : "", bytes[i]);
		text[i] = bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '.';
	}
	text[n] = '\0';
	printf("%08lx  %-50s|%s|\n", offset, hex, text);
}

/* Moves past n bytes of input, by reading them where it cannot seek. */
static int
skip_input(int fd, u64 n)
{
	u8 buf[512];

	if (n == 0 || lseek(fd, n, SEEK_SET) >= 0)
		return 0;
	while (n > 0) {
		ssize_t got = read(fd, buf, MIN(n, sizeof(buf)));

		if (got <= 0)
			return got;
		n -= got;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1, *value;
	const char *name;
	u64 offset = 0, length = UINT64_MAX, left;
	u8 now[WIDTH], before[WIDTH];
	bool first = true, starred = false;
	ssize_t n = 0;
	int fd, option;

	(void)argc;
	while ((option = next_option(&args, "Cn:s:", &value))) {
		if (option == 'n')
			length = number_argument(value);
		else if (option == 's')
			offset = number_argument(value);
	}
	name = *args ? *args : "-";
	if (*args && args[1])
		usage(2);
	fd = open_input(name);
	if (fd < 0)
		return 1;

	n = skip_input(fd, offset);
	for (left = length; n >= 0 && left > 0; left -= n, offset += n) {
		n = read_full(fd, now, MIN(left, WIDTH));
		if (n <= 0)
			break;
		if (n == WIDTH && !first && memcmp(now, before, WIDTH) == 0) {
			if (!starred)
				printf("*\n");
			starred = true;
			continue;
		}
		print_line(offset, now, n);
		memcpy(before, now, WIDTH);
		first = starred = false;
	}
	if (n < 0)
		die("%s: %s", name, strerror(n));
	if (!first)
		printf("%08lx\n", offset);
	return 0;
}
