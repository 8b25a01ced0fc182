/*
 * mkfs: makes an image of the file system of lib/fsformat.h, on the machine that builds it.
 *
 * The image is mapped, so a block is a pointer, and what is never touched stays a hole in the
 * file. The build machine must be little-endian, as the format is.
 */
#define _POSIX_C_SOURCE 200809L
/* The format's names come before the C library's, which has a stat and a dirent of its own. */
#define stat   fs_stat
#define dirent fs_dirent
#include "lib/abi.h"
#include "lib/fsformat.h"
#undef stat
#undef dirent
#undef NAME_MAX

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MIN_INODES = 1024, BLOCKS_PER_INODE = 64, MAX_MIB = 1 << 20 };
enum { MAX_NAME = sizeof(((struct fs_dirent *)0)->name) - 1 };

static u8 *image;
static const char *making; /* the image that is to be removed if it cannot be finished */
static struct superblock *super;
static u32 next_block, next_inode;

static NORETURN void die(const char *format, ...) PRINTF(1, 2);

/* Prints "mkfs: message" and exits. */
static void
die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "mkfs: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	if (making)
		remove(making);
	exit(1);
}

/* Returns a block's bytes; block numbers come from images too, so they are checked. */
static u8 *
block(u32 number)
{
	if (number >= super->nblocks)
		die("bad image: block %u is outside", number);
	return image + (size_t)number * BLOCK_SIZE;
}

/* Returns an inode. */
static struct dinode *
inode(u32 ino)
{
	if (ino == 0 || ino >= super->ninodes)
		die("bad image: no inode %u", ino);
	return (struct dinode *)block(super->inodestart + ino / INODES_PER_BLOCK) +
	       ino % INODES_PER_BLOCK;
}

/* Returns the block that *address names, taking a free one if it names none and make is set. */
static u8 *
follow(u32 *address, bool make)
{
	if (*address == 0) {
		if (!make)
			return NULL;
		if (next_block == super->nblocks)
			die("the image is too small");
		*address = next_block++;
	}
	return block(*address);
}

/* Returns block n of a file, made if need be; NULL for a hole. */
static u8 *
file_block(struct dinode *file, u64 n, bool make)
{
	u32 *table;

	if (n < NDIRECT)
		return follow(&file->addr[n], make);
	n -= NDIRECT;
	if (n < NINDIRECT) {
		table = (u32 *)follow(&file->addr[NDIRECT], make);
		return table ? follow(&table[n], make) : NULL;
	}
	n -= NINDIRECT;
	if (n >= NINDIRECT * NINDIRECT)
		die("a file is too large");
	table = (u32 *)follow(&file->addr[NDIRECT + 1], make);
	if (table)
		table = (u32 *)follow(&table[n / NINDIRECT], make);
	return table ? follow(&table[n % NINDIRECT], make) : NULL;
}

/* Adds bytes to the end of a file. */
static void
append(struct dinode *file, const void *data, size_t n)
{
	const u8 *from = data;

	while (n > 0) {
		size_t at = file->size % BLOCK_SIZE, part = MIN(n, BLOCK_SIZE - at);

		memcpy(file_block(file, file->size / BLOCK_SIZE, true) + at, from, part);
		file->size += part;
		from += part;
		n -= part;
	}
}

/* Returns a directory's entry at a byte offset, or NULL. */
static const struct fs_dirent *
entry_at(struct dinode *dir, u64 offset)
{
	const u8 *b = file_block(dir, offset / BLOCK_SIZE, false);
	const struct fs_dirent *entry = (const void *)(b ? b + offset % BLOCK_SIZE : NULL);

	if (!entry || entry->ino == 0)
		return NULL;
	if (!memchr(entry->name, '\0', sizeof(entry->name)))
		die("bad image: a name does not end");
	return entry;
}

/* Returns the inode number that a name of n bytes has in a directory, or 0. */
static u32
find(u32 dir, const char *name, size_t n)
{
	if (inode(dir)->type != T_DIR)
		return 0;
	for (u64 at = 0; at < inode(dir)->size; at += sizeof(struct fs_dirent)) {
		const struct fs_dirent *entry = entry_at(inode(dir), at);

		if (entry && strlen(entry->name) == n && memcmp(entry->name, name, n) == 0)
			return entry->ino;
	}
	return 0;
}

/* Adds a name of n bytes to a directory. */
static void
enter(u32 dir, const char *name, size_t n, u32 ino)
{
	struct fs_dirent entry = {.ino = ino};

	if (n > MAX_NAME)
		die("%.*s: name too long", (int)n, name);
	memcpy(entry.name, name, n);
	append(inode(dir), &entry, sizeof(entry));
	inode(ino)->nlink++;
}

/* Makes a file or directory in a directory (the root, in itself); returns its inode number. */
static u32
make(u32 dir, const char *name, size_t n, u16 type)
{
	u32 ino = next_inode++;

	if (ino == super->ninodes)
		die("too many files");
	inode(ino)->type = type;
	if (ino != ROOT_INO)
		enter(dir, name, n, ino);
	if (type == T_DIR) {
		enter(ino, ".", 1, ino);
		enter(ino, "..", 2, dir);
	}
	return ino;
}

/*
 * Walks a path of n bytes from the root. With make_missing, makes what is missing: directories,
 * and as the last part a file unless the path ends in '/'. Returns 0 if there is no such path.
 */
static u32
walk(const char *path, size_t n, bool make_missing)
{
	const char *end = path + n, *name = path;
	u32 ino = ROOT_INO, dir;

	if (n == 0 || *path != '/')
		die("%.*s: a path must begin with '/'", (int)n, path);
	for (;;) {
		const char *after;

		while (name < end && *name == '/')
			name++;
		if (name == end || ino == 0)
			return ino;
		for (after = name; after < end && *after != '/'; after++)
			;
		dir = ino;
		ino = find(dir, name, after - name);
		if (ino == 0 && make_missing) {
			if (inode(dir)->type != T_DIR)
				die("%.*s: not a directory", (int)(name - path), path);
			ino = make(dir, name, after - name, after == end ? T_FILE : T_DIR);
		}
		name = after;
	}
}

/* Copies a file of the build machine to a path. */
static void
add_file(const char *path, size_t n, const char *from)
{
	static u8 buf[1 << 16];
	size_t got;
	FILE *in;
	u32 ino;

	if (walk(path, n, false))
		die("%.*s: given twice", (int)n, path);
	in = fopen(from, "rb");
	if (!in)
		die("%s: %s", from, strerror(errno));
	ino = walk(path, n, true);
	while ((got = fread(buf, 1, sizeof(buf), in)) > 0)
		append(inode(ino), buf, got);
	if (ferror(in))
		die("%s: cannot read", from);
	fclose(in);
}

/* Compares two names, for qsort(). */
static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Copies what is in a directory of the build machine, in the order of names, below a path. */
static void
add_tree(const char *path, const char *from)
{
	char **names = NULL, below[4096], source[4096];
	const struct dirent *entry;
	struct stat st;
	size_t n = 0;
	DIR *dir = opendir(from);

	if (!dir)
		die("%s: %s", from, strerror(errno));
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		names = realloc(names, (n + 1) * sizeof(*names));
		if (!names || !(names[n++] = strdup(entry->d_name)))
			die("out of memory");
	}
	closedir(dir);
	if (n)
		qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		snprintf(source, sizeof(source), "%s/%s", from, names[i]);
		if (stat(source, &st) != 0)
			die("%s: %s", source, strerror(errno));
		snprintf(below, sizeof(below), "%s%s%s", path, names[i],
			S_ISDIR(st.st_mode) ? "/" : "");
		if (S_ISDIR(st.st_mode)) {
			walk(below, strlen(below), true);
			add_tree(below, source);
		} else {
			add_file(below, strlen(below), source);
		}
		free(names[i]);
	}
	free(names);
}

/* Does what an argument says: PATH=HOSTFILE, the empty directory PATH/, or HOSTDIRECTORY. */
static void
add(const char *spec)
{
	const char *equals = strchr(spec, '=');
	size_t n = strlen(spec);

	if (equals)
		add_file(spec, equals - spec, equals + 1);
	else if (*spec == '/' && spec[n - 1] == '/')
		walk(spec, n, true);
	else
		add_tree("/", spec);
}

/* Maps n bytes of an open file. */
static void
map(int fd, size_t n, bool write)
{
	image = mmap(NULL, n, PROT_READ | (write ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		die("the image cannot be mapped: %s", strerror(errno));
	super = (struct superblock *)(image + BLOCK_SIZE);
	close(fd);
}

/* Lays out an empty file system of some MiB in a new file. */
static void
format(const char *name, u32 mib)
{
	u32 nblocks = mib * (1024 * 1024 / BLOCK_SIZE);
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0666);

	if (fd < 0 || ftruncate(fd, (off_t)nblocks * BLOCK_SIZE) != 0)
		die("%s: %s", name, strerror(errno));
	making = name;
	map(fd, (size_t)nblocks * BLOCK_SIZE, true);
	super->magic = FS_MAGIC;
	super->version = 1;
	super->nblocks = nblocks;
	super->ninodes = MAX(MIN_INODES, nblocks / BLOCKS_PER_INODE);
	super->logstart = 2;
	super->nlog = mib < 64 ? 64 : 128;
	super->inodestart = super->logstart + super->nlog;
	super->bitmapstart = super->inodestart + DIV_UP(super->ninodes, INODES_PER_BLOCK);
	super->datastart = super->bitmapstart + DIV_UP(nblocks, 8 * BLOCK_SIZE);
	next_block = super->datastart;
	next_inode = ROOT_INO;
	make(ROOT_INO, "", 0, T_DIR);
}

/* Finishes the image, now that it is known which blocks are taken: all before next_block. */
static void
save(const char *name)
{
	for (u32 i = 0; i < next_block; i++)
		block(super->bitmapstart + i / (8 * BLOCK_SIZE))[i / 8 % BLOCK_SIZE] |= 1 << i % 8;
	if (munmap(image, (size_t)super->nblocks * BLOCK_SIZE) != 0)
		die("%s: %s", name, strerror(errno));
}

/* Maps an image to look into it. */
static void
load(const char *name)
{
	int fd = open(name, O_RDONLY);
	off_t size;

	if (fd < 0 || (size = lseek(fd, 0, SEEK_END)) < 0)
		die("%s: %s", name, strerror(errno));
	if (size < 2 * BLOCK_SIZE)
		die("%s: not an image", name);
	map(fd, size, false);
	if (super->magic != FS_MAGIC || super->version != 1)
		die("%s: not an image of this file system", name);
	if (super->nblocks > (u64)size / BLOCK_SIZE)
		die("%s: cut short", name);
}

/* Writes a file's contents to standard output. */
static void
extract(const char *path)
{
	static const u8 zeros[BLOCK_SIZE];
	u32 ino = walk(path, strlen(path), false);
	u64 size;

	if (!ino || inode(ino)->type != T_FILE)
		die("%s: %s", path, ino ? "not a file" : "no such file");
	size = inode(ino)->size;
	for (u64 at = 0; at < size; at += BLOCK_SIZE) {
		const u8 *b = file_block(inode(ino), at / BLOCK_SIZE, false);
		size_t n = MIN(size - at, BLOCK_SIZE);

		if (fwrite(b ? b : zeros, 1, n, stdout) != n)
			die("cannot write");
	}
	if (fflush(stdout) != 0)
		die("cannot write");
}

/* Lists a directory, and what is in it, below a prefix. */
static void
list(u32 dir, const char *prefix, int depth)
{
	if (depth > 32)
		die("bad image: directories too deep");
	for (u64 at = 0; at < inode(dir)->size; at += sizeof(struct fs_dirent)) {
		const struct fs_dirent *entry = entry_at(inode(dir), at);
		char path[4096];
		bool is_dir;

		if (!entry || strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
			continue;
		is_dir = inode(entry->ino)->type == T_DIR;
		snprintf(path, sizeof(path), "%s/%s", prefix, entry->name);
		printf("%10llu %s%s\n", (unsigned long long)inode(entry->ino)->size, path,
			is_dir ? "/" : "");
		if (is_dir)
			list(entry->ino, path, depth + 1);
	}
}

/* Makes an image, or with -x and -l looks into one. */
int
main(int argc, char **argv)
{
	char *end;
	long mib;

	if (argc == 4 && strcmp(argv[1], "-x") == 0) {
		load(argv[2]);
		extract(argv[3]);
	} else if (argc == 3 && strcmp(argv[1], "-l") == 0) {
		load(argv[2]);
		list(ROOT_INO, "", 0);
	} else if (argc >= 3 && argv[1][0] != '-') {
		mib = strtol(argv[2], &end, 10);
		if (*end || mib < 1 || mib > MAX_MIB)
			die("%s: not a size in MiB from 1 to %d", argv[2], MAX_MIB);
		format(argv[1], mib);
		for (int i = 3; i < argc; i++)
			add(argv[i]);
		save(argv[1]);
	} else {
		fprintf(stderr,
			"usage: mkfs IMAGE SIZE_MiB {PATH=HOSTFILE | PATH/ | HOSTDIRECTORY}...\n"
			"       mkfs -x IMAGE PATH    (writes a file to standard output)\n"
			"       mkfs -l IMAGE         (lists the tree)\n");
		return 2;
	}
	return 0;
}
