/* The rest of the library: program start, arguments, memory, and reading of files. */
#include "user/user.h"

const char *program_name = "?";

NORETURN void start_program(int argc, char **argv);

/* Runs the program; _start calls it. */
void
start_program(int argc, char **argv)
{
	if (argc > 0) {
		char *slash = strrchr(argv[0], '/');

		program_name = slash ? slash + 1 : argv[0];
	}
	exit(main(argc, argv));
}

/* Prints how the program is used and exits: 0 if asked to, else 2 after one line. */
void
usage(int status)
{
	const char *line_end = strchr(usage_text, '\n');
	int length = status && line_end ? (int)(line_end - usage_text) : -1;

	fprintf(status ? 2 : 1, "usage: %.*s\n", length, usage_text);
	exit(status);
}

/*
 * Takes the next option letter off *args, or returns 0 when operands begin. A ':' after a letter
 * in known means that a value follows; *value receives it. -h and wrong use do not return.
 */
int
next_option(char ***args, const char *known, char **value)
{
	static char *rest = ""; /* letters left in an argument such as -vi */
	const char *found;
	char c;

	if (!*rest) {
		char *arg = **args;

		if (!arg || arg[0] != '-' || !arg[1])
			return 0;
		++*args;
		if (strcmp(arg, "--") == 0)
			return 0;
		rest = arg + 1;
	}
	c = *rest++;
	if (c == 'h')
		usage(0);
	found = c == ':' ? NULL : strchr(known, c);
	if (!found) {
		warn("-%c: no such option; -h tells which there are", c);
		exit(2);
	}
	if (found[1] == ':') {
		*value = *rest ? rest : *(*args)++;
		rest = "";
		if (!*value)
			usage(2);
	}
	return c;
}

/* Returns the number that an argument is; anything else is wrong use. */
u64
number_argument(const char *s)
{
	u64 value;
	const char *end = parse_number(s, &value);

	if (!end || *end)
		usage(2);
	return value;
}

/*
 * Memory blocks have sizes of powers of two, header included, and a freed block goes to the list
 * of its size. This wastes up to half of a block, and in return nothing is ever searched.
 */
struct block {
	struct block *next;
	u64 order; /* of two; kept while the block is in use */
};

static struct block *free_blocks[48];

/* Returns n bytes aligned to 16, or NULL. */
void *
malloc(size_t n)
{
	static char *unused, *end;
	struct block *b;
	u64 order = 5;

	while (order < NELEM(free_blocks) && (1UL << order) - sizeof(*b) < n)
		order++;
	if (order == NELEM(free_blocks))
		return NULL;

	b = free_blocks[order];
	if (b) {
		free_blocks[order] = b->next;
	} else {
		if ((size_t)(end - unused) < 1UL << order) {
			size_t more = MAX(1UL << order, 4 * PAGE_SIZE);
			char *got = sbrk(more);

			if ((long)got < 0)
				return NULL;
			if (got != end) /* the first time, or someone else called sbrk */
				unused = got;
			end = got + more;
		}
		b = (struct block *)unused;
		unused += 1UL << order;
	}
	b->order = order;
	return b + 1;
}

/* Returns n bytes, or ends the program. */
void *
alloc(size_t n)
{
	void *p = malloc(n);

	if (!p)
		die("out of memory");
	return p;
}

/* Gives back what malloc() or alloc() returned; NULL is fine. */
void
free(void *p)
{
	struct block *b = (struct block *)p - 1;

	if (!p)
		return;
	b->next = free_blocks[b->order];
	free_blocks[b->order] = b;
}

/* Returns n bytes that begin with what p holds, in its place; NULL, and p stays, without memory. */
void *
realloc(void *p, size_t n)
{
	size_t had = p ? (1UL << ((struct block *)p)[-1].order) - sizeof(struct block) : 0;
	void *bigger;

	if (p && n <= had)
		return p;
	if ((bigger = malloc(n))) {
		memcpy(bigger, p, had);
		free(p);
	}
	return bigger;
}

/* Returns the next line without its newline, good until the next call; NULL at the end. */
char *
read_line(struct reader *r)
{
	size_t n = 0;

	for (;;) {
		if (r->at == r->have) {
			ssize_t got = read(r->fd, r->buf, sizeof(r->buf));

			r->at = 0;
			r->have = MAX(got, 0);
			if (got <= 0) {
				r->error = got;
				if (n == 0)
					return NULL;
				break;
			}
		}
		if (n + 1 >= r->room) {
			char *bigger = alloc(r->room = r->room ? 2 * r->room : 128);

			memcpy(bigger, r->line, n);
			free(r->line);
			r->line = bigger;
		}

		char c = r->buf[r->at++];

		if (c == '\n')
			break;
		r->line[n++] = c;
	}
	r->line[n] = '\0';
	return r->line;
}

/* Reads until n bytes are there or the file ends; returns how many, or minus an error. */
ssize_t
read_full(int fd, void *buf, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = read(fd, (char *)buf + done, n - done);

		if (got < 0)
			return got;
		if (got == 0)
			break;
		done += got;
	}
	return done;
}

/* Writes all n bytes; returns 0, or minus an error. */
int
write_full(int fd, const void *buf, size_t n)
{
	const char *p = buf;

	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			return done;
		if (done == 0)
			return -ENOSPC;
		p += done;
		n -= done;
	}
	return 0;
}

/* Reads the rest of a file into new memory with a NUL after it; NULL when reading fails. */
char *
read_all(int fd, size_t *length)
{
	size_t room = 4096, n = 0;
	char *text = alloc(room);

	for (;;) {
		ssize_t got = read_full(fd, text + n, room - n - 1);

		if (got < 0) {
			free(text);
			return NULL;
		}
		n += got;
		if (n < room - 1)
			break;

		char *bigger = alloc(room *= 2);

		memcpy(bigger, text, n);
		free(text);
		text = bigger;
	}
	text[n] = '\0';
	*length = n;
	return text;
}

/* Opens a file, not a directory, "-" being standard input; says what failed: minus an error. */
int
open_input(const char *name)
{
	int fd = strcmp(name, "-") == 0 ? 0 : open(name, O_RDONLY);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && st.type == T_DIR) {
		close(fd);
		fd = -EISDIR;
	}
	if (fd < 0)
		warn("%s: %s", name, strerror(fd));
	return fd;
}
