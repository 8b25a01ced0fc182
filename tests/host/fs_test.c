/*
 * The file system in memory: one piece of damage for each of its checks, which has to be found and
 * named; and a power failure at each write, after which fsck has to find it whole.
 */
#include "tests/host/fs_world.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

char *strstr(const char *, const char *); /* string.h and the kernel disagree on strerror() */

enum { ROOT = 1, SMALL, DIR, A, EMPTY }; /* inode numbers that mkfs gives out */

static u8 bytes[10 * BLOCK_SIZE];

static const struct superblock *
super(void)
{
	return (const struct superblock *)(world_disk + BLOCK_SIZE);
}

static struct dinode *
dinode(u32 ino)
{
	return (struct dinode *)(world_disk + super()->inodestart * BLOCK_SIZE) + ino;
}

static u8 *
block(u32 n)
{
	return world_disk + (u64)n * BLOCK_SIZE;
}

static u8 *
bitmap(void)
{
	return block(super()->bitmapstart);
}

static unsigned
blocks_used(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < WORLD_BLOCKS / 8; i++)
		n += __builtin_popcount(bitmap()[i]);
	return n;
}

static s64
put(const char *path, u64 at, size_t n)
{
	struct inode *ip;
	s64 did = fs_create(path, T_FILE, &ip);

	if (did)
		return did;
	did = inode_write_all(ip, bytes, at, n, true);
	inode_put(ip);
	return did;
}

static s64
get(const char *path, u64 at, size_t n)
{
	static u8 data[sizeof(bytes)];
	struct inode *ip;
	s64 got = fs_lookup(path, &ip);

	if (got)
		return got;
	got = inode_read(ip, data, at, n, false);
	inode_put(ip);
	return got;
}

static int
cut(const char *path)
{
	struct inode *ip;
	int err = fs_lookup(path, &ip);

	if (err)
		return err;
	err = inode_truncate(ip);
	inode_put(ip);
	return err;
}

#define TABLE_AT ((u64)NDIRECT * BLOCK_SIZE)
#define LEAF_AT  ((u64)(NDIRECT + NINDIRECT) * BLOCK_SIZE)

/* The mkfs image, and in it /table, with an indirect block, and /large, with several. */
static void
fresh(void)
{
	memcpy(world_disk, world_mkfs, WORLD_SIZE);
	CHECK(world_mount() == 0 && put("/table", TABLE_AT, 100) == 100);
	CHECK(put("/large", LEAF_AT, 5000) == 5000 && put("/large", 3 * LEAF_AT, 5000) == 5000);
	CHECK(world_unmount());
}

/* Reads and changes what there is; each of the checks is on the way. */
static void
use(void)
{
	struct inode *ip;

	get("/small", 0, 5000);
	get("/dir/a", 0, 10);
	put("/table", TABLE_AT + BLOCK_SIZE, 100);
	put("/new", 0, 100);
	if (fs_lookup("/dir", &ip) == 0)
		inode_put(ip);
	fs_unlink("/dir/a");
	fs_unlink("/dir/empty");
	fs_unlink("/large");
}

/* Mounts and uses a disk that was damaged: it must say what is wrong and be read-only then. */
static void
expect_line(const char *line)
{
	int err = world_mount();

	if (!err) {
		use();
		CHECK(put("/dir/other", 0, 10) == -EROFS && log_sync() == -EROFS);
	}
	if (!CHECK(strstr(world_said, line)))
		printf("# it said: %s\n", world_said);
	CHECK(world_unmount());
}

#define FIELD(s, f) __builtin_offsetof(s, f), sizeof(((s *)0)->f)

/* Damage that is a value in a place. */
static const struct damage {
	const char *name, *line;
	enum { SUPER, LOG, INODE, CONTENTS } where; /* CONTENTS: an inode's first block */
	u32 ino, offset, size;
	u64 value;
} damages[] = {
	{"superblock: version", "its version is not 1", SUPER, 0, FIELD(struct superblock, version),
		2},
	{"superblock: size", "it is larger than the disk", SUPER, 0,
		FIELD(struct superblock, nblocks), 257},
	{"superblock: log in front", "its log is out of place", SUPER, 0,
		FIELD(struct superblock, logstart), 1},
	{"superblock: log too small", "its log is out of place", SUPER, 0,
		FIELD(struct superblock, nlog), 30},
	{"superblock: log too large", "its log is out of place", SUPER, 0,
		FIELD(struct superblock, nlog), -1u},
	{"superblock: no inodes", "its inodes are out of place", SUPER, 0,
		FIELD(struct superblock, ninodes), 1},
	{"superblock: inodes", "its inodes are out of place", SUPER, 0,
		FIELD(struct superblock, ninodes), -1u},
	{"superblock: bitmap", "its bitmap is out of place", SUPER, 0,
		FIELD(struct superblock, bitmapstart), 255},
	{"superblock: data", "its data are out of place", SUPER, 0,
		FIELD(struct superblock, datastart), 256},
	{"log: too many", "its log has a length of 64, out of range", LOG, 0, 4, 4, 64},
	{"log: home", "its log has block 0, out of range", LOG, 0, 4, 8, 1},
	{"root: a file", "the root, is not a directory", INODE, ROOT, FIELD(struct dinode, type),
		T_FILE},
	{"root: deleted", "the root, is not a directory", INODE, ROOT, FIELD(struct dinode, nlink),
		0},
	{"inode: free", "inode 2 is free and has a name", INODE, SMALL, FIELD(struct dinode, type),
		0},
	{"inode: type", "inode 2 has no type of ours", INODE, SMALL, FIELD(struct dinode, type),
		77},
	{"inode: size", "inode 2 has a size that is too large", INODE, SMALL,
		FIELD(struct dinode, size), 1UL << 62},
	{"inode: half an entry", "inode 3 holds half an entry", INODE, DIR,
		FIELD(struct dinode, size), 200},
	{"inode: a large directory", "inode 3 has a size that is too large", INODE, DIR,
		FIELD(struct dinode, size), 1 << 21},
	{"inode: block in front", "inode 2: block 3 is out of range", INODE, SMALL,
		FIELD(struct dinode, addr[0]), 3},
	{"inode: block behind", "inode 2: block 256 is out of range", INODE, SMALL,
		FIELD(struct dinode, addr[1]), 256},
	{"directory: hole", "inode 3 is a directory with a hole", INODE, DIR,
		FIELD(struct dinode, addr[0]), 0},
	{"directory: inode number", "inode 3 has an entry for inode 5000, out of range", CONTENTS,
		DIR, 2 * 64, 4, 5000},
	{"directory: itself", "inode 3 has an entry for a directory above", CONTENTS, DIR, 2 * 64,
		4, DIR},
	{"directory: the root", "inode 3 has an entry for a directory above", CONTENTS, DIR, 2 * 64,
		4, ROOT},
	{"nlink: of a directory", "inode 5 or 3 has more names than it counts", INODE, EMPTY,
		FIELD(struct dinode, nlink), 1},
	{"nlink: of its parent", "inode 5 or 3 has more names than it counts", INODE, DIR,
		FIELD(struct dinode, nlink), 2},
};

static void
test_damages(void)
{
	for (const struct damage *d = damages; d < damages + NELEM(damages); d++) {
		test("fs: damage is named: %s", d->name);
		fresh();
		u8 *at = d->where == SUPER   ? block(1)
			 : d->where == LOG   ? block(super()->logstart)
			 : d->where == INODE ? (u8 *)dinode(d->ino)
					     : block(dinode(d->ino)->addr[0]);
		if (d->where == LOG)
			memcpy(at, "!GOL", 4);
		memcpy(at + d->offset, &d->value, d->size);
		expect_line(d->line);
	}
}

static void
test_bitmap(void)
{
	char line[60];
	u32 table;

	test("fs: damage is named: bitmap, not of the data");
	fresh();
	bitmap()[1] = 0;
	expect_line("bitmap: block 8 is not of the data and marked free");

	test("fs: damage is named: bitmap, freed twice");
	fresh();
	bitmap()[dinode(A)->addr[0] / 8] = 0;
	snprintf(
		line, sizeof(line), "inode 4: block %u is marked free already", dinode(A)->addr[0]);
	CHECK(world_mount() == 0 && fs_unlink("/dir/a") == 0 && strstr(world_said, line));
	CHECK(world_unmount());

	test("fs: damage is named: bitmap, a table in use");
	fresh();
	table = dinode(6)->addr[NDIRECT];
	bitmap()[table / 8] &= ~(1 << table % 8);
	snprintf(line, sizeof(line), "bitmap: block %u is in use and marked free", table);
	expect_line(line);
}

/* Damage that is a shape: tables that lead to themselves. */
static void
test_tables(void)
{
	test("fs: a table that names itself");
	fresh();
	u32 top = dinode(7)->addr[NDIRECT + 1];
	((u32 *)block(top))[NINDIRECT - 1] = top;
	CHECK(world_mount() == 0 && fs_unlink("/large") == 0 &&
		strstr(world_said, "marked free already"));
	CHECK(world_unmount());

	test("fs: a table out of range");
	fresh();
	((u32 *)block(dinode(7)->addr[NDIRECT + 1]))[0] = 1;
	CHECK(world_mount() == 0 && get("/large", LEAF_AT, 10) == -EIO);
	CHECK(strstr(world_said, "inode 7: block 1 is out of range") && world_unmount());

	test("fs: a name that does not end");
	fresh();
	memset(block(dinode(DIR)->addr[0]) + 2 * 64 + 4, 'x', 60);
	CHECK(world_mount() == 0 && get("/dir/a", 0, 1) == -ENOENT && fs_unlink("/dir") == -EBUSY);
	CHECK(world_unmount());
}

static void
test_space(void)
{
	struct inode *ip;
	unsigned before;

	test("fs: what is removed gives its blocks back, also from an open file");
	fresh();
	before = blocks_used();
	CHECK(world_mount() == 0);
	for (int i = 0; i < 300; i++) {
		CHECK(put("/x", i % 3 * LEAF_AT, sizeof(bytes)) == sizeof(bytes));
		CHECK(put("/x", TABLE_AT, sizeof(bytes)) == sizeof(bytes));
		CHECK(fs_lookup("/x", &ip) == 0 && (i % 2 || inode_truncate(ip) == 0));
		CHECK(fs_unlink("/x") == 0 && inode_write_all(ip, bytes, 9, 9, true) == 9);
		inode_put(ip);
	}
	CHECK(world_unmount() && blocks_used() == before);

	test("fs: a full disk is an error, and has room again");
	CHECK(world_mount() == 0);
	while (put("/y", blocks_used() * sizeof(bytes), sizeof(bytes)) == sizeof(bytes))
		CHECK(log_sync() == 0);
	CHECK(put("/z", 0, sizeof(bytes)) == -ENOSPC && fs_unlink("/z") == 0 &&
		fs_unlink("/y") == 0);
	CHECK(world_unmount() && blocks_used() == before && !world_said[0]);

	test("fs: bad memory of a program writes zeros and reads nothing");
	CHECK(world_mount() == 0 && fs_lookup("/table", &ip) == 0);
	CHECK(inode_write_all(ip, (void *)1, 0, 10, true) == -EFAULT &&
		inode_read(ip, (void *)1, 0, 10, true) == -EFAULT);
	inode_put(ip);
	CHECK(world_unmount());
}

/* Whether fsck finds the disk whole. */
static bool
whole(void)
{
	FILE *f = fopen(FS_IMAGE ".cut", "wb");
	bool good = f && fwrite(world_disk, WORLD_SIZE, 1, f) == 1;

	return f && fclose(f) == 0 && good &&
	       system(FSCK " " FS_IMAGE ".cut >" FS_IMAGE ".said") == 0;
}

/* Operations of each kind, and a sync here and there. */
static void
work(void)
{
	struct inode *ip;

	put("/x", 0, sizeof(bytes));
	cut("/table");
	log_sync();
	put("/table", LEAF_AT, 9000);
	fs_unlink("/large");
	log_sync();
	world_make_dir("/dir/d");
	fs_link("/x", "/dir/d/x");
	if (fs_lookup("/table", &ip) == 0) {
		fs_unlink("/table");
		log_sync();
		put("/x", 7000, 100);
		inode_put(ip);
	}
	log_sync();
	fs_unlink("/x");
	fs_unlink("/dir/d/x");
	fs_unlink("/dir/d");
}

static void
test_power(void)
{
	unsigned recovered = 0;
	long all;

	test("fs: the power fails at any write: what is left is whole, and the mount mends it");
	fresh();
	CHECK(world_mount() == 0);
	world_writes = 0;
	work();
	CHECK(world_unmount() && whole());
	all = world_writes;
	CHECK(all > 60);
	for (long power = 0; power < all && !test_failed(); power++) {
		for (int times = 0; times < 2; times++) {
			fresh();
			CHECK(world_mount() == 0);
			world_writes = 0;
			world_power = power;
			work();
			CHECK(world_unmount());
			world_power = -1;
			if (!CHECK(whole()))
				printf("# after %ld writes: see " FS_IMAGE ".said\n", power);
			recovered += ((u32 *)block(super()->logstart))[1] != 0;
			CHECK(world_mount() == 0 && world_unmount() && whole());
			for (u32 ino = 1; ino < super()->ninodes; ino++)
				CHECK(dinode(ino)->type == T_FREE || dinode(ino)->nlink);
		}
	}
	CHECK(recovered > 20);
	printf("# %ld writes, %u logs replayed\n", all, recovered);
}

/* A file system of 4 GiB, in a file that the test shares with fsck; what is not touched is a hole.
 */
static void
large_fresh(void)
{
	FILE *f;

	if (world_size != WORLD_SIZE)
		munmap(world_disk, world_size);
	world_size = 4UL << 30;
	CHECK(system(MKFS " " FS_IMAGE ".cut 4096") == 0);
	f = fopen(FS_IMAGE ".cut", "r+b");
	if (!CHECK(f))
		exit(1);
	world_disk = mmap(NULL, world_size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	CHECK(world_disk != MAP_FAILED);
	fclose(f);
}

/*
 * A file with each block behind another bitmap block, which takes several operations to free:
 * all the way through its direct blocks, a table, and a table of tables.
 */
static void
scattered(const char *path)
{
	for (u32 i = 0; i < 24; i++) {
		world_search_from((i + 1) * 32768);
		CHECK(put(path, i * BLOCK_SIZE, 1) == 1);
		world_search_from((31 - i) * 32768 + 5);
		CHECK(put(path, LEAF_AT + i * BLOCK_SIZE, 1) == 1);
	}
	CHECK(log_sync() == 0);
}

static void
test_large(void)
{
	unsigned orphans = 0;
	long power = 0, all = 0;

	test("fs: the power fails while a file is freed in several operations");
	for (bool done = false; !done && !test_failed(); power += 1 + rnd_below(6)) {
		large_fresh();
		CHECK(world_mount() == 0);
		world_search_from(0);
		scattered("/a");
		scattered("/b");
		world_log_size(
			LOG_OP_BLOCKS + 5); /* so that hardly two operations share a transaction */
		world_writes = 0;
		world_power = power;
		if (cut("/a") == 0 && fs_unlink("/b") == 0)
			log_sync();
		all = world_writes;
		done = world_writes < power;
		CHECK(world_unmount());
		world_power = -1;
		CHECK(system(FSCK " " FS_IMAGE ".cut >" FS_IMAGE ".said") == 0);
		orphans += system("grep -q 'note: inode' " FS_IMAGE ".said") == 0;
		CHECK(world_mount() == 0 && world_unmount());
		CHECK(system(FSCK " " FS_IMAGE ".cut >" FS_IMAGE ".said") == 0);
		CHECK(system("! grep -q note " FS_IMAGE ".said") == 0);
	}
	CHECK(orphans > 20);
	printf("# %ld writes, %u times an inode to go on with\n", all, orphans);
	remove(FS_IMAGE ".cut");
}

int
main(void)
{
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = 1 + i % 251;
	test_damages();
	test_bitmap();
	test_tables();
	test_space();
	test_power();
	test_large();
	return test_done();
}
