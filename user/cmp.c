/* cmp: compares two files and says where they first differ. */
#include "user/user.h"

const char usage_text[] = "cmp FILE FILE";

static char buf[2][16384];

/* Says what is wrong with a file and exits with 2, since 1 means that the files differ. */
static NORETURN void
trouble(const char *name, int error)
{
	warn("%s: %s", name, strerror(error));
	exit(2);
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	u64 offset = 0, line = 1;
	int fd[2];

	while (next_option(&args, "", NULL))
		;
	if (argc - (args - argv) != 2)
		usage(2);
	for (int i = 0; i < 2; i++)
		if ((fd[i] = open_input(args[i])) < 0)
			return 2;

	for (;;) {
		ssize_t n[2];

		for (int i = 0; i < 2; i++)
			if ((n[i] = read_full(fd[i], buf[i], sizeof(buf[i]))) < 0)
				trouble(args[i], n[i]);
		for (ssize_t i = 0; i < MIN(n[0], n[1]); i++) {
			if (buf[0][i] != buf[1][i]) {
				printf("%s %s differ: byte %lu, line %lu\n", args[0], args[1],
					offset + i + 1, line);
				return 1;
			}
			line += buf[0][i] == '\n';
		}
		if (n[0] != n[1]) {
			warn("%s ends first, after byte %lu", args[n[0] > n[1]],
				offset + MIN(n[0], n[1]));
			return 1;
		}
		if (n[0] == 0)
			return 0;
		offset += n[0];
	}
}
