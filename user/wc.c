/* wc: counts lines, words and bytes. */
#include "user/user.h"

const char usage_text[] = "wc [-lwc] [FILE]...";

enum { LINES, WORDS, BYTES, NCOUNTS };

static char buf[16384];
static bool shown[NCOUNTS];

/* Prints the counts that were asked for, and the name unless it is empty. */
static void
print_counts(const u64 *counts, const char *name)
{
	char text[80];
	int n = 0;

	for (int i = 0; i < NCOUNTS; i++)
		if (shown[i])
			n += snprintf(text + n, sizeof(text) - n, "%s%lu", n ? " " : "", counts[i]);
	printf("%s%s%s\n", text, *name ? " " : "", name);
}

/* Adds one file's counts; returns the exit status. */
static int
count(const char *name, u64 *counts)
{
	int fd = open_input(name);
	bool in_word = false;
	ssize_t n;

	if (fd < 0)
		return 1;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		counts[BYTES] += n;
		for (ssize_t i = 0; i < n; i++) {
			bool blank = buf[i] == ' ' || (buf[i] >= '\t' && buf[i] <= '\r');

			counts[LINES] += buf[i] == '\n';
			counts[WORDS] += !blank && !in_word;
			in_word = !blank;
		}
	}
	if (n < 0)
		warn("%s: %s", name, strerror(n));
	if (fd > 0)
		close(fd);
	return n < 0;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	u64 total[NCOUNTS] = {0};
	int status = 0, option;

	while ((option = next_option(&args, "lwc", NULL)))
		shown[option == 'l' ? LINES : option == 'w' ? WORDS : BYTES] = true;
	if (!shown[LINES] && !shown[WORDS] && !shown[BYTES])
		shown[LINES] = shown[WORDS] = shown[BYTES] = true;

	if (!*args) {
		status = count("-", total);
		print_counts(total, "");
		return status;
	}
	argc -= args - argv;
	for (; *args; args++) {
		u64 counts[NCOUNTS] = {0};

		status |= count(*args, counts);
		print_counts(counts, *args);
		for (int i = 0; i < NCOUNTS; i++)
			total[i] += counts[i];
	}
	if (argc > 1)
		print_counts(total, "total");
	return status;
}
