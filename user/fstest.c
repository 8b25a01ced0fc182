/*
 * fstest: a write workload whose files tell what is in them, for the test that kills the machine.
 *
 * The files are /c/f00 to /c/f31; /c/l00 and so on are second names for some of them, and /c/d00
 * and so on are directories. A file begins with its generation, its length and a key, and these
 * three give every other byte. A file that is shorter than its header says was not finished.
 */
#include "user/user.h"

const char usage_text[] = "fstest crash SEED    (writes until it is killed)\n"
			  "       fstest check";

enum { MAGIC = 0x54534554, NFILES = 32, MAX_LENGTH = 300 << 10 };

struct header {
	u32 magic, generation, length;
	u32 key; /* seed << 8 | number in the file's name */
};

static union {
	struct header header;
	u32 word[MAX_LENGTH / sizeof(u32)];
	u8 byte[MAX_LENGTH];
} content, got;

static u32 random_state;

/* Scrambles 32 bits. */
static u32
mix(u32 x)
{
	x = (x ^ x >> 16) * 0x7feb352d;
	x = (x ^ x >> 15) * 0x846ca68b;
	return x ^ x >> 16;
}

/* Returns the next random number below n. */
static u32
below(u32 n)
{
	return mix(++random_state * 0x9e3779b9) % n;
}

/* Fills in what a file with this header holds. */
static void
fill(const struct header *h)
{
	u32 x = mix(h->key ^ mix(h->generation));

	for (u32 i = 0; i < DIV_UP(h->length, sizeof(u32)); i++)
		content.word[i] = x += 0x9e3779b9 ^ x << 5;
	content.header = *h;
}

/* Returns a path in /c, good until the next call with the same letter. */
static const char *
path_of(char letter, u32 number)
{
	static char path[3][16];
	char *p = path[letter == 'f' ? 0 : letter == 'l' ? 1 : 2];

	snprintf(p, sizeof(path[0]), "/c/%c%02u", letter, number);
	return p;
}

/* Ends the program if a call failed, unless it did with an error that may be. */
static long
must(long result, int allowed, const char *what, const char *path)
{
	if (result < 0 && result != -allowed)
		die("%s: %s: %s", what, path, strerror(result));
	return result;
}

/* Makes a file anew, with a random length; half the time makes sure that it is on the disk. */
static void
write_file(u32 number, u32 generation, u32 seed)
{
	struct header h = {.magic = MAGIC, .generation = generation, .key = seed << 8 | number};
	const char *path = path_of('f', number);
	int fd;

	/* Small files are as likely as large ones; some are empty, for O_TRUNC alone. */
	h.length = below(2) ? below(MAX_LENGTH + 1) : below(3 * PAGE_SIZE);
	h.length = below(16) == 0 ? 0 : MAX(h.length, sizeof(h));
	fill(&h);
	printf("going f%02u\n", number);
	fd = must(open(path, O_WRONLY | O_CREATE | O_TRUNC), 0, "open", path);
	for (u32 at = 0, n; at < h.length; at += n) {
		n = 1 + below(64 << 10);
		n = MIN(n, h.length - at);
		must(write_full(fd, content.byte + at, n), 0, "write", path);
	}
	if (below(2)) {
		must(fsync(fd), 0, "fsync", path);
		printf("synced f%02u %u %u\n", number, generation, h.length);
	}
	close(fd);
}

/* Deletes a file; sometimes while it is open, and it stays so until the next one. */
static void
delete_file(u32 number)
{
	const char *path = path_of('f', number);
	static int held = -1;

	if (held >= 0)
		close(held);
	held = -1;
	if (below(2))
		held = must(open(path, O_RDONLY), ENOENT, "open", path);
	printf("going f%02u\n", number);
	must(unlink(path), ENOENT, "unlink", path);
}

/* Gives a file, if there is one, its second name in place of what had it. */
static void
link_file(u32 number)
{
	const char *path = path_of('f', number), *second = path_of('l', number);

	must(unlink(second), ENOENT, "unlink", second);
	must(link(path, second), ENOENT, "link", path);
}

/* Makes a directory with a file in it, or if it is there deletes both. */
static void
flip_directory(u32 number)
{
	const char *path = path_of('d', number);
	char file[24];
	int fd;

	snprintf(file, sizeof(file), "%s/x", path);
	if (must(mkdir(path), EEXIST, "mkdir", path) >= 0) {
		fd = must(open(file, O_WRONLY | O_CREATE), 0, "open", file);
		close(fd);
		return;
	}
	/* A crash may have come between the two. */
	must(unlink(file), ENOENT, "unlink", file);
	must(unlink(path), 0, "unlink", path);
}

/* Changes the file system, without end. */
static NORETURN void
crash(u32 seed)
{
	random_state = mix(seed);
	must(mkdir("/c"), EEXIST, "mkdir", "/c");
	for (u32 generation = 1;; generation++) {
		u32 what = below(10), number = below(NFILES);

		if (what < 6)
			write_file(number, generation, seed);
		else if (what < 8)
			delete_file(number);
		else if (what < 9)
			link_file(number);
		else
			flip_directory(number);
	}
}

/* Returns whether a file is what its header says, or was not finished. */
static bool
right(const char *name, u64 size)
{
	const struct header *h = &got.header;

	if (size < sizeof(*h))
		return true;
	if (h->magic != MAGIC || h->length < size || h->length > MAX_LENGTH)
		return false;
	/* Nothing is promised about a file that was not finished, but that it ends early. */
	if (size < h->length)
		return true;
	if ((h->key & 0xff) != (u32)(name[1] - '0') * 10 + (name[2] - '0'))
		return false;
	fill(h);
	return memcmp(&content, &got, size) == 0;
}

/* Reads every file in /c; returns the exit status. */
static int
check(void)
{
	int dir = open("/c", O_RDONLY), bad = 0, files = 0;
	struct dirent entry;
	struct stat st;

	while (dir >= 0 && read(dir, &entry, sizeof(entry)) == sizeof(entry)) {
		char path[8 + sizeof(entry.name)];
		ssize_t n;
		int fd;

		if (!entry.ino || !strchr("fl", entry.name[0]))
			continue;
		snprintf(path, sizeof(path), "/c/%s", entry.name);
		fd = must(open(path, O_RDONLY), 0, "open", path);
		must(fstat(fd, &st), 0, "fstat", path);
		n = read_full(fd, &got, sizeof(got));
		if (n < 0 || (u64)n != st.size || !right(entry.name, n)) {
			printf("bad %s\n", entry.name);
			bad++;
		}
		close(fd);
		files++;
	}
	printf("checked %d files, %d bad\n", files, bad);
	return bad > 0;
}

int
main(int argc, char **argv)
{
	char **args = argv + 1;
	u64 seed;

	(void)argc;
	while (next_option(&args, "", NULL))
		;
	if (args[0] && strcmp(args[0], "check") == 0 && !args[1])
		return check();
	if (!args[0] || strcmp(args[0], "crash") != 0 || !args[1] || args[2])
		usage(2);
	seed = number_argument(args[1]);
	if (seed >= 1 << 24)
		usage(2);
	crash(seed);
}
