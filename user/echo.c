/* echo: prints its arguments. */
#include "user/user.h"

const char usage_text[] = "echo [-n] [WORD]...";

int
main(int argc, char **argv)
{
	char text[MAX_ARG_BYTES + 1];
	char **args = argv + 1;
	bool newline = true;
	size_t n = 0;

	(void)argc;
	/* Only these two are options: echo must be able to print any other word. */
	if (*args && strcmp(*args, "-h") == 0)
		usage(0);
	if (*args && strcmp(*args, "-n") == 0) {
		newline = false;
		args++;
	}
	for (; *args; args++)
		n += snprintf(text + n, sizeof(text) - n, "%s%s", *args, args[1] ? " " : "");
	if (newline)
		text[n++] = '\n';
	return write_full(1, text, n) < 0;
}
