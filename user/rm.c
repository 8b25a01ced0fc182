/* rm: deletes files, and with -r directories with all that is in them. */
#include "user/user.h"

const char usage_text[] = "rm [-r] PATH...";

static bool recursive;
static char path[MAX_PATH]; /* of what is being deleted; one buffer, as the stack is small */

/* Says what failed with path; returns the exit status. */
static int
failed(int error)
{
	warn("%s: %s", path, strerror(error));
	return 1;
}

static int remove_path(void);

/* Deletes what is in the directory path, open as fd; returns the exit status. */
static int
empty(int fd)
{
	size_t length = strlen(path);
	struct dirent entry;
	int status = 0;
	ssize_t n;

	while ((n = read(fd, &entry, sizeof(entry))) == sizeof(entry)) {
		if (!entry.ino || strcmp(entry.name, ".") == 0 || strcmp(entry.name, "..") == 0)
			continue;
		if (length + 1 + strlen(entry.name) >= sizeof(path))
			return failed(-ENAMETOOLONG);
		path[length] = '/';
		strlcpy(path + length + 1, entry.name, sizeof(path) - length - 1);
		status |= remove_path();
		path[length] = '\0';
	}
	return n < 0 ? failed(n) : status;
}

/* Deletes path; returns the exit status. */
static int
remove_path(void)
{
	int fd = open(path, O_RDONLY), status = 0, error;
	struct stat st;

	error = fd < 0 ? fd : fstat(fd, &st);
	if (error >= 0 && st.type == T_DIR && !recursive)
		error = -EISDIR;
	else if (error >= 0 && st.type == T_DIR)
		status = empty(fd);
	if (fd >= 0)
		close(fd);
	if (error >= 0 && !status)
		error = unlink(path);
	return error < 0 ? failed(error) : status;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	int status = 0;

	(void)argc;
	while (next_option(&args, "r", NULL))
		recursive = true;
	if (!*args)
		usage(2);
	for (; *args; args++) {
		if (strlcpy(path, *args, sizeof(path)) >= sizeof(path))
			status |= failed(-ENAMETOOLONG);
		else
			status |= remove_path();
	}
	return status;
}
