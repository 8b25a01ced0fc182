/* cat: copies files to standard output. */
#include "user/user.h"

const char usage_text[] = "cat [-n] [FILE]...    (-n numbers the lines)";

static char buf[16384];
static bool numbers;
static u64 line_number;

/* Prints the lines of one open file with their numbers; minus an error, or 0. */
static int
number_lines(int fd)
{
	static struct reader in;
	char *line;

	in.fd = fd;
	in.error = in.at = in.have = 0;
	while ((line = read_line(&in)))
		printf("%6lu  %s\n", ++line_number, line);
	return in.error;
}

/* Copies one file; returns the exit status. */
static int
cat(const char *name)
{
	int fd = open_input(name), error;
	ssize_t n;

	if (fd < 0)
		return 1;
	n = numbers ? number_lines(fd) : 0;
	while (!numbers && (n = read(fd, buf, sizeof(buf))) > 0)
		if ((error = write_full(1, buf, n)) < 0)
			die("standard output: %s", strerror(error));
	if (n < 0)
		warn("%s: %s", name, strerror(n));
	if (fd > 0)
		close(fd);
	return n < 0;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	int status = 0;

	(void)argc;
	while (next_option(&args, "n", NULL))
		numbers = true;
	if (!*args)
		return cat("-");
	for (; *args; args++)
		status |= cat(*args);
	return status;
}
