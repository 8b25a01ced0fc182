/* ps, free, dmesg, lspci: each prints one file that the kernel writes; the name says which. */
#include "user/user.h"

const char usage_text[] = "ps | free | dmesg | lspci (without arguments)";

static const struct {
	const char *program, *file;
} files[] = {
	{"ps", "/proc/ps"},
	{"free", "/proc/mem"},
	{"dmesg", "/proc/dmesg"},
	{"lspci", "/proc/pci"},
};

/* Prints a file. */
static int
print_file(const char *name)
{
	static char buf[4096];
	int fd = open_input(name);
	ssize_t n;

	if (fd < 0)
		return 1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		write_full(1, buf, n);
	if (n < 0)
		die("%s: %s", name, strerror(n));
	return 0;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;

	(void)argc;
	while (next_option(&args, "", NULL))
		;
	if (*args)
		usage(2);
	for (size_t i = 0; i < NELEM(files); i++)
		if (strcmp(program_name, files[i].program) == 0)
			return print_file(files[i].file);
	usage(2);
}
