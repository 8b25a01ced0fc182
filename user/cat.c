/* cat: copies files to standard output. */
#include "user/user.h"

const char usage_text[] = "cat [FILE]...";

static char buf[16384];

/* Copies one file; returns the exit status. */
static int
cat(const char *name)
{
	int fd = open_input(name), error;
	ssize_t n;

	if (fd < 0)
		return 1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
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
	while (next_option(&args, "", NULL))
		;
	if (!*args)
		return cat("-");
	for (; *args; args++)
		status |= cat(*args);
	return status;
}
