/* ln: gives a file another name. */
#include "user/user.h"

const char usage_text[] = "ln FILE NAME";

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	int fd, error;

	while (next_option(&args, "", NULL))
		;
	if (argc - (args - argv) != 2)
		usage(2);
	/* So that an error names the one of the two that it is about. */
	fd = open(args[0], O_RDONLY);
	if (fd < 0)
		die("%s: %s", args[0], strerror(fd));
	error = link(args[0], args[1]);
	if (error < 0)
		die("%s: %s", args[1], strerror(error));
	return 0;
}
