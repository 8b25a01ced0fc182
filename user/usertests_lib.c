/* Of usertests: the library, and that every program says how it is used. */
#include "user/usertests.h"

/* Whether the format makes that text. */
static bool PRINTF(2, 3) prints(const char *want, const char *format, ...)
{
	char buf[80];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	return n == (int)strlen(want) && strcmp(buf, want) == 0;
}

void
test_printf(void)
{
	const char *null = NULL;
	char small[4];

	check(prints("-1 4294967295 ffffffff", "%d %u %x", -1, ~0u, ~0u), "printf: int");
	check(prints("-9223372036854775808 18446744073709551615 ffffffffffffffff", "%ld %lu %lx",
		      INT64_MIN, UINT64_MAX, UINT64_MAX),
		"printf: long");
	check(prints("   42|42   |00042|-0042", "%5d|%-5d|%05d|%05d", 42, 42, 42, -42),
		"printf: width");
	check(prints("  abc|abc  |ab|", "%5s|%-5s|%.*s|%s", "abc", "abc", 2, "abc", ""),
		"printf: strings");
	check(prints("x 0x1f % (null)", "%c %p %% %s", 'x', (void *)31, null),
		"printf: the others");
	check(snprintf(small, sizeof(small), "%s", "abcdef") == 6 && strcmp(small, "abc") == 0 &&
			snprintf(NULL, 0, "%d", 12345) == 5,
		"printf: what does not fit is cut, and counted");
}

void
test_strings(void)
{
	char buf[16] = "0123456789";
	u64 value;

	memmove(buf + 2, buf, 8);
	check(strcmp(buf, "0101234567") == 0, "strings: memmove up");
	memmove(buf, buf + 2, 8);
	check(strcmp(buf, "0123456767") == 0, "strings: memmove down");
	check(memcmp("a\xff", "a\x01", 2) > 0 && memcmp("a", "b", 1) < 0 &&
			memcmp("a", "b", 0) == 0,
		"strings: memcmp");
	check(strcmp("a", "ab") < 0 && strcmp("\xff", "a") > 0 && strncmp("abc", "abd", 2) == 0 &&
			strncmp("a", "a", 9) == 0,
		"strings: strcmp");
	check(strchr(buf, '2') == buf + 2 && strchr(buf, 'x') == NULL && *strchr(buf, 0) == 0 &&
			strrchr(buf, '7') == buf + 9,
		"strings: strchr");
	check(strlcpy(buf, "abcdef", 4) == 6 && strcmp(buf, "abc") == 0, "strings: strlcpy");
	check(parse_number("0x1fz", &value) && value == 31 &&
			parse_number("18446744073709551615", &value) && value == UINT64_MAX &&
			!parse_number("18446744073709551616", &value) &&
			!parse_number("x", &value) && !parse_number("", &value),
		"strings: parse_number");
}

void
test_malloc(void)
{
	enum { N = 200 };
	static u8 *p[N];
	bool good = true;
	void *block;

	for (int i = 0; i < N; i++) {
		p[i] = malloc(i * 13);
		good &= p[i] && (u64)p[i] % 16 == 0;
		memset(p[i], i, i * 13);
	}
	for (int i = 0; i < N; i += 2)
		free(p[i]);
	for (int i = 0; i < N; i += 2)
		memset(p[i] = malloc(i * 13), i, i * 13);
	for (int i = 0; i < N; i++)
		for (int k = 0; k < i * 13; k++)
			good &= p[i][k] == i;
	check(good, "malloc: 200 blocks, none over another");
	for (int i = 1; i < N; i++) {
		p[i] = realloc(p[i], i * 50);
		for (int k = 0; k < i * 13; k++)
			good &= p[i][k] == i;
		free(p[i]);
	}
	check(good, "malloc: realloc keeps what was there");
	block = malloc(1000);
	free(block);
	check(malloc(1000) == block, "malloc: what was freed is used again");
	check(malloc(1UL << 60) == NULL && malloc(~0UL) == NULL, "malloc: too much is NULL");
	free(NULL);
}

/* Runs a program with one argument and an empty input; its status, and what it printed. */
static int
run_program(const char *name, char *argument, char out[2][2048])
{
	int fd[2][2], pid, status = -1;
	char path[MAX_PATH], *argv[] = {path, argument, NULL};

	snprintf(path, sizeof(path), "/bin/%s", name);
	pipe(fd[0]);
	pipe(fd[1]);
	pid = fork();
	if (pid == 0) {
		close(0);
		open("/dev/null", O_RDONLY);
		for (int i = 0; i < 2; i++) {
			close(1 + i);
			dup(fd[i][1]);
		}
		for (int i = 3; i < MAX_FILES; i++)
			close(i);
		exec(path, argv);
		exit(127);
	}
	for (int i = 0; i < 2; i++) {
		ssize_t n;

		close(fd[i][1]);
		n = read_full(fd[i][0], out[i], 2047);
		out[i][n < 0 ? 0 : n] = '\0';
		close(fd[i][0]);
	}
	wait(&status);
	return status;
}

void
test_help(void)
{
	static char out[2][2048];
	char name[NAME_MAX + 60];
	int dir = open("/bin", O_RDONLY), n = 0;
	struct dirent e;

	while (read(dir, &e, sizeof(e)) == sizeof(e)) {
		if (!e.ino || e.name[0] == '.')
			continue;
		n++;
		snprintf(name, sizeof(name), "help: %s -h", e.name);
		check(run_program(e.name, "-h", out) == 0 && strncmp(out[0], "usage: ", 7) == 0 &&
				!out[1][0],
			name);
		if (strcmp(e.name, "echo") == 0) /* which prints whatever it is given */
			continue;
		snprintf(name, sizeof(name), "help: %s, an unknown option: one line, and a failure",
			e.name);
		check(run_program(e.name, "-~", out) > 0 && !out[0][0] && out[1][0] &&
				strchr(out[1], '\n') == out[1] + strlen(out[1]) - 1,
			name);
	}
	close(dir);
	check(n > 20, "help: programs were found");
}
