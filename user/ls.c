/* ls: lists files and directories. */
#include "user/user.h"

const char usage_text[] =
	"ls [-adlR] [PATH]...    (-a all names, -d a directory itself, -R also what is in it)";

static bool all, itself, details, recursive;

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

static int list(const char *path, bool header);

/* Does one pass over a directory: prints its names, or lists the directories in it. */
static int
each_entry(int fd, const char *path, bool descend)
{
	struct dirent entry;
	struct stat st;
	char full[MAX_PATH];
	int status = 0, child;
	ssize_t n;

	while ((n = read(fd, &entry, sizeof(entry))) == sizeof(entry)) {
		if (!entry.ino || (entry.name[0] == '.' && (!all || descend)))
			continue;
		snprintf(full, sizeof(full), "%s/%s", path, entry.name);
		if (!descend) {
			status |= show(full, entry.name);
		} else if ((child = open(full, O_RDONLY)) >= 0) {
			fstat(child, &st);
			close(child);
			if (st.type == T_DIR)
				status |= list(full, true);
		}
	}
	if (n < 0)
		warn("%s: %s", path, strerror(n));
	return status | (n < 0);
}

/* Lists what path is: a file, or a directory's entries; without those that begin with '.'. */
static int
list(const char *path, bool header)
{
	int fd = open(path, O_RDONLY), status, error;
	struct stat st;

	error = fd < 0 ? fd : fstat(fd, &st);
	if (error < 0) {
		warn("%s: %s", path, strerror(error));
		return 1;
	}
	if (st.type != T_DIR || itself) {
		close(fd);
		return show(path, path);
	}
	if (header)
		printf("%s:\n", path);
	status = each_entry(fd, path, false);
	if (recursive && lseek(fd, 0, SEEK_SET) == 0)
		status |= each_entry(fd, path, true);
	close(fd);
	return status;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	bool several;
	int status = 0, option;

	(void)argc;
	while ((option = next_option(&args, "adlR", NULL))) {
		all |= option == 'a';
		itself |= option == 'd';
		details |= option == 'l';
		recursive |= option == 'R';
	}
	if (!*args)
		return list(".", recursive);
	several = args[1] || recursive;
	for (; *args; args++)
		status |= list(*args, several);
	return status;
}
