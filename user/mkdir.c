/* mkdir: makes directories. */
#include "user/user.h"

const char usage_text[] = "mkdir DIRECTORY...";

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	int status = 0;

	(void)argc;
	while (next_option(&args, "", NULL))
		;
	if (!*args)
		usage(2);
	for (; *args; args++) {
		int error = mkdir(*args);

		if (error < 0) {
			warn("%s: %s", *args, strerror(error));
			status = 1;
		}
	}
	return status;
}
