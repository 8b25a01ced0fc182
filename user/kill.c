/* kill: ends processes. */
#include "user/user.h"

const char usage_text[] = "kill PID...";

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
		int error = kill(number_argument(*args));

		if (error < 0) {
			warn("%s: %s", *args, strerror(error));
			status = 1;
		}
	}
	return status;
}
