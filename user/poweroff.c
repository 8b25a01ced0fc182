/* poweroff: ends the machine; with a status, in the way that hands it to whoever started it. */
#include "user/user.h"

const char usage_text[] = "poweroff [STATUS]";

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	int error;

	while (next_option(&args, "", NULL))
		;
	if (argc - (args - argv) > 1)
		usage(2);
	error = *args ? poweroff(1, number_argument(*args)) : poweroff(0, 0);
	die("%s", strerror(error));
}
