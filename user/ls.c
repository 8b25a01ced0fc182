/* ls: lists files and directories. */
#include "user/user.h"

const char usage_text[] = "ls [-l] [PATH]...";

static bool details;

/* Prints one line for a name, whose place is path; returns the exit status. */
static int
show(const char *path, const char *name)
{
	struct stat st;
	int fd, error;

	if (!details) {
		printf("%s\n", name);
		return 0;
	}
	fd = open(path, O_RDONLY);
	error = fd < 0 ? fd : fstat(fd, &st);
	if (fd >= 0)
		close(fd);
	if (error < 0) {
		warn("%s: %s", path, strerror(error));
		return 1;
	}
	printf("%c %2u %10lu %s\n", "?d-c"[st.type & 3], st.nlink, st.size, name);
	return 0;
}

/* Lists what path is: a directory's entries without those that begin with '.', or the file. */
static int
list(const char *path)
{
	struct stat st;
	struct dirent entry;
	char full[MAX_PATH];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? fd : fstat(fd, &st);
	int status = 0;

	if (n >= 0 && st.type != T_DIR) {
		close(fd);
		return show(path, path);
	}
	while (n >= 0 && (n = read(fd, &entry, sizeof(entry))) == sizeof(entry)) {
		if (!entry.ino || entry.name[0] == '.')
			continue;
		snprintf(full, sizeof(full), "%s/%s", path, entry.name);
		status |= show(full, entry.name);
	}
	if (n < 0)
		warn("%s: %s", path, strerror(n));
	if (fd >= 0)
		close(fd);
	return status | (n < 0);
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	bool several;
	int status = 0;

	(void)argc;
	while (next_option(&args, "l", NULL))
		details = true;
	if (!*args)
		return list(".");
	several = args[1] != NULL;
	for (; *args; args++) {
		if (several)
			printf("%s:\n", *args);
		status |= list(*args);
	}
	return status;
}
