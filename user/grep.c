/* grep: prints the lines that match a pattern of characters, ., *, ^, $ and backslash. */
#include "user/user.h"

const char usage_text[] = "grep [-cinrv] PATTERN [FILE]...    (-r searches directories)";

static bool invert, ignore_case, count_only, numbers, recursive, trouble;
static struct reader in;

/* Returns c, as a small letter if letters are to compare alike. */
static char
fold(char c)
{
	return ignore_case && c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Does the pattern's first item, of one or two characters, stand for c? */
static bool
item_matches(const char *item, char c)
{
	if (*item == '.')
		return true;
	if (*item == '\\' && item[1])
		item++;
	return fold(*item) == fold(c);
}

/* Does the pattern match a beginning of s? */
static bool
match_here(const char *pattern, const char *s)
{
	while (*pattern) {
		const char *item = pattern;

		if (strcmp(pattern, "$") == 0)
			return !*s;
		pattern += pattern[0] == '\\' && pattern[1] ? 2 : 1;
		if (*pattern == '*') {
			const char *most = s;

			pattern++;
			while (*most && item_matches(item, *most))
				most++;
			for (; most >= s; most--)
				if (match_here(pattern, most))
					return true;
			return false;
		}
		if (!*s || !item_matches(item, *s++))
			return false;
	}
	return true;
}

/* Does the pattern match somewhere in the line? */
static bool
match(const char *pattern, const char *line)
{
	if (*pattern == '^')
		return match_here(pattern + 1, line);
	do
		if (match_here(pattern, line))
			return true;
	while (*line++);
	return false;
}

/* Searches an open file, putting its name before what it prints; returns the lines found. */
static u64
search(const char *pattern, const char *name, bool prefix)
{
	const char *before = prefix ? name : "", *colon = prefix ? ":" : "";
	u64 found = 0, number = 0;
	char *line;

	in.error = in.at = in.have = 0;
	while ((line = read_line(&in))) {
		number++;
		if (match(pattern, line) == invert)
			continue;
		found++;
		if (count_only)
			continue;
		if (numbers)
			printf("%s%s%lu:%s\n", before, colon, number, line);
		else
			printf("%s%s%s\n", before, colon, line);
	}
	if (count_only)
		printf("%s%s%lu\n", before, colon, found);
	return found;
}

static u64 search_path(const char *pattern, const char *name, bool prefix);

/* Searches what is in an open directory. */
static u64
search_directory(const char *pattern, int fd, const char *path)
{
	char name[MAX_PATH];
	struct dirent entry;
	u64 found = 0;

	while (read(fd, &entry, sizeof(entry)) == sizeof(entry)) {
		if (!entry.ino || entry.name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry.name);
		found += search_path(pattern, name, true);
	}
	return found;
}

/* Searches a file, or with -r a directory; returns the lines found. */
static u64
search_path(const char *pattern, const char *name, bool prefix)
{
	int fd = recursive ? open(name, O_RDONLY) : -1;
	struct stat st;
	u64 found = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.type == T_DIR) {
		found = search_directory(pattern, fd, name);
		close(fd);
		return found;
	}
	if (fd >= 0)
		close(fd);
	in.fd = open_input(name);
	if (in.fd >= 0)
		found = search(pattern, name, prefix);
	if (in.fd >= 0 && in.error < 0)
		warn("%s: %s", name, strerror(in.error));
	trouble |= in.fd < 0 || in.error < 0;
	if (in.fd > 0)
		close(in.fd);
	return found;
}

/* Exits with 0 if a line was found, 1 if none was, 2 if a file could not be read. */
int
main(int argc, char **argv)
{
	char **args = argv + 1, *standard_input[] = {"-", NULL};
	const char *pattern;
	bool several;
	u64 found = 0;
	int option;

	(void)argc;
	while ((option = next_option(&args, "cinrv", NULL))) {
		invert |= option == 'v';
		ignore_case |= option == 'i';
		count_only |= option == 'c';
		numbers |= option == 'n';
		recursive |= option == 'r';
	}
	pattern = *args++;
	if (!pattern)
		usage(2);
	if (!*args)
		args = standard_input;
	several = args[1] || recursive;
	for (; *args; args++)
		found += search_path(pattern, *args, several);
	return trouble ? 2 : found == 0;
}
