/* usertests: what programs may ask of the kernel, and what it answers to nonsense. KTAP. */
#include "user/usertests.h"

const char usage_text[] =
	"usertests [-ls] [NAME]...    (-l lists the tests, -s adds the slow ones)";

static struct tally {
	int tests, failed;
} tally;

static const struct test {
	const char *name;
	void (*fn)(void);
	bool slow;
} tests[] = {
#define X(name, slow) {#name, test_##name, slow},
	TESTS(X)
#undef X
};

void
check(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tally.tests, name);
	tally.failed += !good;
}

int
in_child(void (*fn)(void))
{
	int pid = fork(), status = -1;

	if (pid == 0) {
		fn();
		exit(0);
	}
	if (pid < 0 || wait(&status) != pid)
		return -1;
	return status;
}

int
all_good(int n, int (*fn)(int i))
{
	int good = 0, status;

	for (int i = 0; i < n; i++)
		if (fork() == 0)
			exit(fn(i));
	for (int i = 0; i < n; i++)
		good += wait(&status) > 0 && status == 0;
	return good;
}

int
make_file(const char *path, long n, int seed)
{
	static char buf[32768];
	int fd = open(path, O_WRONLY | O_CREATE | O_TRUNC);

	for (long at = 0; fd >= 0 && at < n;) {
		long k = n - at < (long)sizeof(buf) ? n - at : (long)sizeof(buf);
		for (long i = 0; i < k; i++)
			buf[i] = (at + i) * 31 + (at + i) / 4096 + seed;
		k = write(fd, buf, k);
		if (k <= 0) {
			close(fd);
			return k ? k : -EIO;
		}
		at += k;
	}
	return fd < 0 ? fd : close(fd);
}

bool
holds(const char *path, long n, int seed)
{
	static char buf[32768];
	int fd = open(path, O_RDONLY);
	long at = 0, k;
	bool good = fd >= 0;

	while (good && (k = read(fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < k; i++)
			good &= buf[i] == (char)((at + i) * 31 + (at + i) / 4096 + seed);
		at += k;
	}
	close(fd);
	return good && at == n;
}

/*
 * What must be after a test as it was before. Not the heap's pages and the block cache: these keep
 * what they have for the next time, so the bytes in use are counted instead.
 */
struct counts {
	u64 user, table, kernel, dma, bytes, inodes;
};

/* Returns the number behind a word of a text. */
static u64
number_after(const char *text, const char *word)
{
	size_t n = strlen(word);
	u64 value = 0;

	for (; *text; text++)
		if (strncmp(text, word, n) == 0 && text[n] == ' ') {
			for (text += n; *text == ' '; text++)
				;
			return parse_number(text, &value) ? value : 0;
		}
	return 0;
}

/* Reads the counts; both files are open meanwhile, and so always counted in. */
static void
count(struct counts *c)
{
	int mem = open("/proc/mem", O_RDONLY), inodes = open("/proc/inodes", O_RDONLY);
	size_t n;
	char *text = read_all(mem, &n);

	*c = (struct counts){number_after(text, "USER"), number_after(text, "TABLE"),
		number_after(text, "KERNEL"), number_after(text, "DMA"),
		number_after(text, "(BYTES)"), 0};
	free(text);
	text = read_all(inodes, &n);
	for (size_t i = 0; i < n; i++)
		c->inodes += text[i] == '\n';
	free(text);
	close(mem);
	close(inodes);
}

/* Says which of the counts is not what it was, after a while in which orphans can end. */
static void
check_leaks(const char *name, const struct counts *before)
{
	struct counts after;

	for (int i = 0; i < 500; i++) {
		count(&after);
		if (memcmp(before, &after, sizeof(after)) == 0)
			return;
		sleep(20);
	}
	check(false, name);
	printf("# leaks: user %lu -> %lu, table %lu -> %lu, kernel %lu -> %lu, dma %lu -> %lu, "
	       "bytes %lu -> %lu, inodes %lu -> %lu\n",
		before->user, after.user, before->table, after.table, before->kernel, after.kernel,
		before->dma, after.dma, before->bytes, after.bytes, before->inodes, after.inodes);
}

/* Runs a test in a child, so that nothing that it opens, maps or changes outlives it. */
static void
run(const struct test *t)
{
	struct counts before;
	int fd[2], pid, ended, status = -1;
	long start = uptime();

	count(&before);
	pipe(fd);
	pid = fork();
	if (pid == 0) {
		t->fn();
		write(fd[1], &tally, sizeof(tally));
		exit(0);
	}
	close(fd[1]);
	do
		ended = wait(&status);
	while (ended != pid && ended > 0);
	if (status != 0 || read(fd[0], &tally, sizeof(tally)) != sizeof(tally))
		check(false, t->name);
	close(fd[0]);
	check_leaks(t->name, &before);
	printf("# %s: %ld ms\n", t->name, uptime() - start);
}

/* Runs what a name, or NULL for all, stands for. */
static void
run_named(const char *name, bool slow)
{
	bool found = false;

	for (size_t i = 0; i < NELEM(tests); i++) {
		if (name ? strcmp(name, tests[i].name) != 0 : tests[i].slow && !slow)
			continue;
		found = true;
		run(&tests[i]);
	}
	if (!found)
		die("%s: no such test; -l lists them", name);
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	struct counts warm;
	bool slow = false;
	int option;

	(void)argc;
	while ((option = next_option(&args, "ls", NULL))) {
		slow |= option == 's';
		if (option != 'l')
			continue;
		for (size_t i = 0; i < NELEM(tests); i++)
			printf("%s%s\n", tests[i].name, tests[i].slow ? " (slow)" : "");
		return 0;
	}
	warm_disks();
	count(&warm); /* takes the memory that it will use again */
	printf("KTAP version 1\n");
	if (!*args)
		run_named(NULL, slow);
	for (; *args; args++)
		run_named(*args, slow);
	printf("1..%d\n", tally.tests);
	return tally.failed != 0;
}
