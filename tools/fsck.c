/*
 * fsck: checks an image of the file system of lib/fsformat.h, on the machine that builds it.
 *
 * The image is mapped, and a committed log is replayed in memory, so that what is checked is
 * what the kernel would find after its recovery. The file is written to only with -r. Nothing in
 * the image is trusted: a block is followed only by the first inode that claims it, so the work is
 * bounded however the blocks point at each other.
 *
 * The build machine must be little-endian, as the format is.
 */
#define _POSIX_C_SOURCE 200809L
#define stat            fs_stat /* the C library has one of its own */
#include "lib/abi.h" /* before the C library's headers: both know names such as SEEK_SET */
#include "lib/fsformat.h"
#undef stat

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define LOG_MAGIC 0x4c4f4721
#define LOG_MAX   (BLOCK_SIZE / sizeof(u32) - 2)

enum { MAX_LINES = 200 }; /* of problems: garbage has millions */

struct log_header {
	u32 magic, n;
	u32 block[LOG_MAX];
};

_Static_assert(sizeof(struct log_header) == BLOCK_SIZE, "the log's header is a block");

/* A block of a directory: where in the directory, and where on disk. */
struct piece {
	u64 index;
	u32 block;
};

/* What is found out about an inode. */
struct info {
	struct piece *piece; /* of directories only */
	size_t npieces;
	u32 parent; /* of directories: where the first entry for it was found; 0 = nowhere yet */
	u32 links;  /* what nlink should be */
};

static u8 *image;
static u64 image_blocks;
static struct superblock super; /* a copy, so that nothing changes once it has been checked */
static u32 *owner;              /* of each block: the inode that uses it, or 0 */
static struct info *info;       /* of each inode */
static unsigned long problems, beyond; /* blocks that are behind the end of their file */

static NORETURN void die(const char *format, ...) PRINTF(1, 2);
static void problem(const char *format, ...) PRINTF(1, 2);

/* Prints "fsck: message" and exits with 2: the image could not even be looked at. */
static void
die(const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "fsck: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(2);
}

/* Counts a problem and prints its line. */
static void
problem(const char *format, ...)
{
	va_list args;

	if (++problems > MAX_LINES)
		return;
	printf("fsck: ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* Returns zeroed memory for n things of some size. */
static void *
allocate(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size);

	if (!p)
		die("out of memory");
	return p;
}

/* Returns a block's bytes; the caller knows that the number is in range. */
static u8 *
block(u32 number)
{
	return image + (size_t)number * BLOCK_SIZE;
}

/* Returns an inode on disk; the caller knows that the number is in range. */
static const struct dinode *
inode(u32 ino)
{
	return (const struct dinode *)block(super.inodestart + ino / INODES_PER_BLOCK) +
	       ino % INODES_PER_BLOCK;
}

/* Returns whether a number is that of an inode that holds something. */
static bool
allocated(u32 ino)
{
	return ino > 0 && ino < super.ninodes &&
	       (inode(ino)->type == T_FILE || inode(ino)->type == T_DIR);
}

/* Returns a name in a form that is fit to be printed, good until the next call. */
static const char *
printable(const char *name)
{
	static char text[NAME_MAX + 1];
	size_t i;

	for (i = 0; i < NAME_MAX && name[i]; i++)
		text[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	text[i] = '\0';
	return text;
}

/* Maps the image; changes stay in memory. */
static void
load(FILE *in, const char *name)
{
	long size;

	if (fseek(in, 0, SEEK_END) != 0 || (size = ftell(in)) < 0)
		die("%s: %s", name, strerror(errno));
	image_blocks = (u64)size / BLOCK_SIZE;
	if (!image_blocks)
		return;
	image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(in), 0);
	if (image == MAP_FAILED)
		die("%s: cannot be mapped: %s", name, strerror(errno));
}

/* Checks that the areas follow each other and are large enough; without that, nothing is known. */
static bool
check_superblock(void)
{
	unsigned long before = problems;

	if (image_blocks < 2) {
		problem("superblock: there is none, the image is too small");
		return false;
	}
	memcpy(&super, block(1), sizeof(super));
	if (super.magic != FS_MAGIC)
		problem("superblock: bad magic number");
	else if (super.version != 1)
		problem("superblock: version %u is not known", super.version);
	if (problems > before)
		return false;
	if (super.nblocks > image_blocks)
		problem("superblock: %u blocks, the image has %llu", super.nblocks,
			(unsigned long long)image_blocks);
	if (super.ninodes <= ROOT_INO)
		problem("superblock: %u inodes are too few", super.ninodes);
	if (super.nlog < 2)
		problem("superblock: a log of %u blocks is too small", super.nlog);
	if (super.logstart < 2 || (u64)super.logstart + super.nlog > super.inodestart)
		problem("superblock: the log, %u blocks at %u, is out of place", super.nlog,
			super.logstart);
	if (super.inodestart + DIV_UP((u64)super.ninodes, INODES_PER_BLOCK) > super.bitmapstart)
		problem("superblock: %u inodes at block %u are out of place", super.ninodes,
			super.inodestart);
	if (super.bitmapstart + DIV_UP((u64)super.nblocks, 8 * BLOCK_SIZE) > super.datastart)
		problem("superblock: the bitmap at block %u is out of place", super.bitmapstart);
	if (super.datastart >= super.nblocks)
		problem("superblock: the data at block %u are out of place", super.datastart);
	return problems == before;
}

/* Writes one block of memory to its place in the file. */
static void
write_back(FILE *out, u32 number)
{
	if (fseek(out, (long)number * BLOCK_SIZE, SEEK_SET) != 0 ||
		fwrite(block(number), BLOCK_SIZE, 1, out) != 1)
		die("cannot write: %s", strerror(errno));
}

/* Installs a committed transaction in memory, and unless out is NULL in the file. */
static void
replay(FILE *out)
{
	struct log_header *h = (struct log_header *)block(super.logstart);
	u32 n = h->n, room = MIN(super.nlog, LOG_MAX) - 1;

	if (h->magic != LOG_MAGIC || n == 0)
		return;
	if (n > room) {
		problem("log: a transaction of %u blocks, there is room for %u", n, room);
		return;
	}
	/* All of it or nothing: so all numbers are looked at first. */
	for (u32 i = 0; i < n; i++) {
		if (h->block[i] < super.inodestart || h->block[i] >= super.nblocks) {
			problem("log: entry %u is for block %u, out of range", i, h->block[i]);
			return;
		}
	}
	for (u32 i = 0; i < n; i++) {
		memcpy(block(h->block[i]), block(super.logstart + 1 + i), BLOCK_SIZE);
		if (out)
			write_back(out, h->block[i]);
	}
	/* The header last, so that an interrupted replay can be done again. */
	if (out && fflush(out) != 0)
		die("cannot write: %s", strerror(errno));
	h->n = 0;
	if (out) {
		write_back(out, super.logstart);
		if (fflush(out) != 0)
			die("cannot write: %s", strerror(errno));
	}
	printf("fsck: log: a transaction of %u blocks is %s\n", n, out ? "replayed" : "pending");
}

/* Notes that an inode uses a block; false if it must not. */
static bool
claim(u32 ino, u32 number)
{
	if (number < super.datastart || number >= super.nblocks) {
		problem("inode %u: block %u is out of range", ino, number);
		return false;
	}
	if (owner[number]) {
		problem("inode %u: block %u is used twice, first by inode %u", ino, number,
			owner[number]);
		return false;
	}
	owner[number] = ino;
	return true;
}

/* Adds a block to what is known of a directory. */
static void
add_piece(struct info *dir, u64 index, u32 number)
{
	/* Room doubles whenever the count reaches a power of two. */
	if ((dir->npieces & (dir->npieces - 1)) == 0) {
		size_t room = dir->npieces ? 2 * dir->npieces : 1;

		dir->piece = realloc(dir->piece, room * sizeof(*dir->piece));
		if (!dir->piece)
			die("out of memory");
	}
	dir->piece[dir->npieces++] = (struct piece){.index = index, .block = number};
}

/* Claims a block of an inode and, if it is a table of some depth, what it leads to. */
static void
walk_blocks(u32 ino, u32 number, u64 index, int depth)
{
	const struct dinode *d = inode(ino);
	u64 span = depth == 2 ? NINDIRECT : 1;
	const u32 *table;

	if (number == 0 || !claim(ino, number))
		return;
	/*
	 * Not wrong: a write that found the disk full may leave some, which the file gets back when
	 * it grows. Of an orphan a part may have been freed already; the next mount frees the rest.
	 */
	if (d->nlink > 0 && index >= d->size / BLOCK_SIZE + (d->size % BLOCK_SIZE != 0))
		beyond++;
	if (depth == 0) {
		if (d->type == T_DIR)
			add_piece(&info[ino], index, number);
		return;
	}
	table = (const u32 *)block(number);
	for (u32 i = 0; i < NINDIRECT; i++)
		walk_blocks(ino, table[i], index + i * span, depth - 1);
}

/* Checks an inode's type, size and blocks. */
static void
check_inode(u32 ino)
{
	const struct dinode *d = inode(ino);

	if (d->type == T_FREE)
		return;
	if (!allocated(ino)) {
		problem("inode %u: type %u", ino, d->type);
		return;
	}
	if (d->size > MAX_BLOCKS * (u64)BLOCK_SIZE)
		problem("inode %u: the size %llu is too large", ino, (unsigned long long)d->size);
	if (d->type == T_DIR && d->size % sizeof(struct dirent) != 0)
		problem("inode %u: the directory's size %llu is not one of whole entries", ino,
			(unsigned long long)d->size);
	for (u32 i = 0; i < NDIRECT; i++)
		walk_blocks(ino, d->addr[i], i, 0);
	walk_blocks(ino, d->addr[NDIRECT], NDIRECT, 1);
	walk_blocks(ino, d->addr[NDIRECT + 1], NDIRECT + NINDIRECT, 2);
}

/* Returns whether a directory is another, or lies somewhere in it. */
static bool
lies_in(u32 dir, u32 other)
{
	while (dir != other && dir != ROOT_INO)
		dir = info[dir].parent;
	return dir == other;
}

/* Checks one entry of a directory; returns the directory that it leads to for the first time. */
static u32
check_entry(u32 dir, const struct dirent *entry, u32 *self, u32 *parent)
{
	const char *name = entry->name;

	if (strcmp(name, ".") == 0) {
		*self = entry->ino;
		return 0;
	}
	if (strcmp(name, "..") == 0) {
		*parent = entry->ino;
		return 0;
	}
	if (!*name)
		problem("inode %u: an entry without a name", dir);
	if (strchr(name, '/'))
		problem("inode %u: entry %s: '/' in a name", dir, printable(name));
	if (!allocated(entry->ino)) {
		problem("inode %u: entry %s names inode %u, which is %s", dir, printable(name),
			entry->ino, entry->ino < super.ninodes ? "free" : "out of range");
		return 0;
	}
	if (inode(entry->ino)->type == T_FILE) {
		info[entry->ino].links++;
		return 0;
	}
	if (info[entry->ino].parent) {
		problem("inode %u: entry %s: directory %u %s", dir, printable(name), entry->ino,
			lies_in(dir, entry->ino) ? "contains itself" : "has another name already");
		return 0;
	}
	info[dir].links++;
	info[entry->ino].parent = dir;
	info[entry->ino].links = 2;
	return entry->ino;
}

/* Compares the names of two entries, for qsort(). */
static int
by_name(const void *a, const void *b)
{
	const struct dirent *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* Checks a directory's entries; adds the directories in it to *queue. */
static void
check_directory(u32 dir, u32 **queue)
{
	const size_t per_block = BLOCK_SIZE / sizeof(struct dirent);
	const struct info *known = &info[dir];
	const struct dirent **seen = allocate(known->npieces * per_block, sizeof(*seen));
	u32 self = 0, parent = 0, child;
	size_t n = 0;

	for (size_t i = 0; i < known->npieces * per_block; i++) {
		const struct piece *p = &known->piece[i / per_block];
		const struct dirent *entry = (const void *)block(p->block);

		entry += i % per_block;
		if ((p->index * per_block + i % per_block) * sizeof(*entry) >= inode(dir)->size)
			continue;
		if (entry->ino == 0)
			continue;
		if (!memchr(entry->name, '\0', sizeof(entry->name))) {
			problem("inode %u: entry %s...: the name does not end", dir,
				printable(entry->name));
			continue;
		}
		seen[n++] = entry;
		child = check_entry(dir, entry, &self, &parent);
		if (child)
			*(*queue)++ = child;
	}
	if (self != dir)
		problem("inode %u: \".\" is %u", dir, self);
	if (parent != known->parent)
		problem("inode %u: \"..\" is %u and should be %u", dir, parent, known->parent);
	qsort(seen, n, sizeof(*seen), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(seen[i - 1]->name, seen[i]->name) == 0)
			problem("inode %u: entry %s is there twice", dir, printable(seen[i]->name));
	free(seen);
}

/* Checks the tree of directories from the root on. */
static void
check_tree(void)
{
	u32 *queue = allocate(super.ninodes, sizeof(*queue)), *end = queue;

	if (inode(ROOT_INO)->type == T_DIR) {
		info[ROOT_INO].parent = ROOT_INO;
		info[ROOT_INO].links = 2;
		*end++ = ROOT_INO;
	} else {
		problem("inode %u: the root is not a directory", ROOT_INO);
	}
	/* Each directory gets in at most once, as it gets a parent then. */
	for (u32 *dir = queue; dir < end; dir++)
		check_directory(*dir, &end);
	free(queue);
}

/* Compares each inode's nlink with what the tree says; returns how many inodes are in the tree. */
static u32
check_links(void)
{
	u32 files = 0;

	for (u32 ino = 1; ino < super.ninodes; ino++) {
		const struct dinode *d = inode(ino);

		if (!allocated(ino))
			continue;
		if (info[ino].links == 0 && d->nlink == 0)
			printf("fsck: note: inode %u was deleted while it was open\n", ino);
		else if (info[ino].links == 0)
			problem("inode %u: nothing leads to it", ino);
		else if (info[ino].links != d->nlink)
			problem("inode %u: nlink is %u and should be %u", ino, d->nlink,
				info[ino].links);
		files += info[ino].links > 0;
	}
	return files;
}

/* Returns what is wrong with a block's bit in the bitmap, or NULL. */
static const char *
wrong_bit(u32 number)
{
	bool used = number < super.datastart || owner[number];
	bool marked = block(super.bitmapstart)[number / 8] >> number % 8 & 1;

	return used == marked ? NULL : used ? "used and marked free" : "free and marked used";
}

/* Compares the bitmap with the blocks in use, one line for a run; returns how many are in use. */
static u32
check_bitmap(void)
{
	u32 used = super.datastart;

	for (u32 i = 0, next; i < super.nblocks; i = next) {
		const char *wrong = wrong_bit(i);

		for (next = i + 1; next < super.nblocks && wrong_bit(next) == wrong; next++)
			;
		if (wrong && next == i + 1)
			problem("bitmap: block %u is %s", i, wrong);
		else if (wrong)
			problem("bitmap: blocks %u to %u are %s", i, next - 1, wrong);
	}
	for (u32 i = super.datastart; i < super.nblocks; i++)
		used += owner[i] != 0;
	return used;
}

/* Checks all that lies behind the superblock; says so if it is clean. */
static void
check(const char *name)
{
	u32 files, used;

	owner = allocate(super.nblocks, sizeof(*owner));
	info = allocate(super.ninodes, sizeof(*info));
	if (inode(0)->type != T_FREE)
		problem("inode 0: it is in use");
	for (u32 ino = 1; ino < super.ninodes; ino++)
		check_inode(ino);
	check_tree();
	files = check_links();
	used = check_bitmap();
	if (beyond)
		printf("fsck: note: %lu blocks are beyond the end of their files\n", beyond);
	if (problems == 0)
		printf("fsck: %s: clean, %u files, %u blocks used\n", name, files, used);
	for (u32 ino = 0; ino < super.ninodes; ino++)
		free(info[ino].piece);
	free(info);
	free(owner);
}

/* Checks the image that the arguments name. */
int
main(int argc, char **argv)
{
	bool write = argc == 3 && strcmp(argv[1], "-r") == 0;
	const char *name = argc > 1 ? argv[argc - 1] : "-";
	FILE *file;

	if (!write && (argc != 3 || strcmp(argv[1], "-n") != 0) && (argc != 2 || name[0] == '-')) {
		fprintf(stderr,
			"usage: fsck [-n] IMAGE    (checks; never writes)\n"
			"       fsck -r IMAGE      (replays the log into the image first)\n");
		return 2;
	}
	file = fopen(name, write ? "r+b" : "rb");
	if (!file)
		die("%s: %s", name, strerror(errno));
	load(file, name);
	if (check_superblock()) {
		replay(write ? file : NULL);
		check(name);
	}
	if (fclose(file) != 0)
		die("%s: %s", name, strerror(errno));
	if (problems > MAX_LINES)
		printf("fsck: %lu more problems\n", problems - MAX_LINES);
	if (problems)
		printf("fsck: %s: %lu problem%s\n", name, problems, problems == 1 ? "" : "s");
	return problems > 0;
}
