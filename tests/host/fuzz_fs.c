/*
 * A damaged file system. An input is a list of records of 8 bytes, each a change to an image that
 * was good: the superblock, an inode, an entry, a table, the log, the bitmap. Then it is mounted,
 * read and written to. Errors are fine; a panic, a sleep without end or a reference left is not.
 */
#include "tests/host/fs_world.h"
#include "tests/host/fuzz.h"

const unsigned fuzz_rounds = 1500;

struct record {
	u8 kind, a;
	u16 b;
	u32 value;
};

static u8 base[2][WORLD_SIZE]; /* one in order; one that a crash has left */
static const struct superblock *const super = (void *)(base[0] + BLOCK_SIZE);

/* As open() does: a directory is not written to. */
static bool
is_file(struct inode *ip)
{
	struct stat st;

	return inode_stat(ip, &st) == 0 && st.type == T_FILE;
}

static s64
put(const char *path, u64 offset, size_t n)
{
	static u8 bytes[2 * BLOCK_SIZE];
	struct inode *ip;
	s64 did = fs_create(path, T_FILE, &ip);

	if (did)
		return did;
	did = is_file(ip) ? inode_write_all(ip, bytes, offset, n, true) : -EISDIR;
	inode_put(ip);
	return did;
}

/* What mkfs has made, and in it one of each thing that a file system can hold. */
static void
make_whole(void)
{
	const u64 second = (NDIRECT + 2 * NINDIRECT) * BLOCK_SIZE;

	memcpy(world_disk, world_mkfs, WORLD_SIZE);
	ASSERT(world_mount() == 0 && world_make_dir("/d") == 0 && world_make_dir("/d/e") == 0);
	ASSERT(put("/d/small", 0, 100) > 0 && put("/d/table", NDIRECT * BLOCK_SIZE, 5000) > 0);
	ASSERT(put("/d/large", 0, 5000) > 0 && put("/d/large", second - BLOCK_SIZE, 8192) > 0);
	ASSERT(fs_link("/d/small", "/d/e/link") == 0 && world_unmount());
	memcpy(base[0], world_disk, WORLD_SIZE);
}

/* An open file without a name, and a transaction that is in the log, but not yet at home. */
static void
make_crashed(void)
{
	const u32 *header = (u32 *)(world_disk + super->logstart * BLOCK_SIZE);
	struct inode *open;

	for (long power = 1; !header[1]; power++) {
		memcpy(world_disk, base[0], WORLD_SIZE);
		ASSERT(world_mount() == 0 && fs_lookup("/d/large", &open) == 0);
		ASSERT(fs_unlink("/d/large") == 0 && log_sync() == 0);
		ASSERT(put("/d/e/new", 0, 5000) > 0);
		world_power = world_writes + power;
		log_sync();
		memcpy(base[1], world_disk, WORLD_SIZE);
		inode_put(open);
		world_unmount();
		memcpy(world_disk, base[1], WORLD_SIZE);
		world_power = -1;
	}
}

static struct dinode *
inode_at(u32 ino)
{
	return (struct dinode *)(world_disk + super->inodestart * BLOCK_SIZE) + ino;
}

/* Values near what is there, so that not all of it is nonsense at first sight. */
static u32
plausible(const struct record *r)
{
	return r->a & 0x80 ? super->datastart + r->value % (super->nblocks - super->datastart)
			   : r->value;
}

static void
damage(const struct record *r)
{
	struct dinode *d = inode_at(r->b % 32);
	u32 entry = r->value >> 8, last = MIN(d->addr[0], WORLD_BLOCKS - 1);
	u8 *at = world_disk + BLOCK_SIZE, *to;

	switch (r->kind % 8) {
	case 0:
		((u32 *)at)[r->b % 10] = r->value;
		break;
	case 1:
		d->addr[r->a % (NDIRECT + 2)] = plausible(r);
		break;
	case 2:
		if (r->a % 3 == 0)
			d->type = r->value;
		else if (r->a % 3 == 1)
			d->nlink = r->value;
		else
			d->size = r->a & 64 ? (u64)r->value << 8 : r->value;
		break;
	case 3: /* an entry, or whatever is in the inode's first block */
		to = world_disk + last * BLOCK_SIZE + entry % 64 * 64;
		if (r->a & 1)
			*(u32 *)to = r->a & 2 ? r->value % 32 : r->value;
		else
			to[4 + r->a / 2 % 60] = r->value;
		break;
	case 4:
		last = MIN(d->addr[NDIRECT + r->a % 2], WORLD_BLOCKS - 1);
		((u32 *)(world_disk +
			 last * BLOCK_SIZE))[r->a & 4 ? entry % 1024 : entry % 2] = plausible(r);
		break;
	case 5:
		((u32 *)(world_disk + super->logstart * BLOCK_SIZE))[r->b % 64] = r->value;
		break;
	case 6:
		world_disk[super->bitmapstart * BLOCK_SIZE + r->b % 64] = r->value;
		break;
	case 7:
		world_disk[(r->b % WORLD_BLOCKS) * BLOCK_SIZE + entry % BLOCK_SIZE] = r->value;
		break;
	}
}

/* Reads a file's beginning and end, and goes into directories. */
static void
look(const char *path, unsigned depth)
{
	static u8 data[3 * BLOCK_SIZE];
	struct dirent entry;
	char below[MAX_PATH];
	struct inode *ip;
	struct stat st;

	if (fs_lookup(path, &ip))
		return;
	if (inode_stat(ip, &st) == 0 && st.type == T_FILE) {
		inode_read(ip, data, 0, sizeof(data), true);
		inode_read(ip, data, st.size / 2, sizeof(data), false);
		inode_read(
			ip, data, MAX(st.size, sizeof(data)) - sizeof(data), sizeof(data), false);
	}
	for (u64 at = 0; st.type == T_DIR && depth < 3 && at < 20 * sizeof(entry);) {
		if (inode_read(ip, &entry, at, sizeof(entry), false) != sizeof(entry))
			break;
		at += sizeof(entry);
		entry.name[NAME_MAX] = 0;
		if (entry.ino && entry.name[0] != '.') {
			snprintf(below, sizeof(below), "%s/%s", path, entry.name);
			look(below, depth + 1);
		}
	}
	inode_put(ip);
}

/* Changes everything that has a name in the good images. */
static void
change(void)
{
	static const char *const file[] = {"/d/small", "/d/table", "/d/large", "/d/e/link", "/a"};
	struct inode *ip;

	for (unsigned i = 0; i < NELEM(file); i++)
		put(file[i], i * 40000, 5000);
	for (unsigned i = 0; i < NELEM(file); i++) {
		if (fs_lookup(file[i], &ip) == 0) {
			if (i % 2 && is_file(ip))
				inode_truncate(ip);
			put(file[i], i % 3 ? 0 : 5UL << 20, 8192);
			fs_unlink(file[i]);
			inode_put(ip);
		}
	}
	world_make_dir("/d/e/f");
	world_make_dir("/d/g");
	fs_link("/a", "/d/e/b");
	put("/d/e/b/c", 0, 1);
	fs_unlink("/d/e/f");
	fs_unlink("/d/e");
	fs_unlink("/d");
	log_sync();
}

size_t
fuzz_sample(unsigned n, u8 *to)
{
	struct record r = {.kind = n >> 1, .a = 0x81, .b = 5, .value = 7};

	if (n >= 16)
		return 0;
	*to = n & 1;
	memcpy(to + 1, &r, sizeof(r));
	return 1 + sizeof(r);
}

int
LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct record r;

	if (!super->magic) {
		make_whole();
		make_crashed();
	}
	if (size < 1)
		return 0;
	memcpy(world_disk, base[*data & 1], WORLD_SIZE);
	for (size_t at = 1, n = 0; at + sizeof(r) <= size && n < 16; at += sizeof(r), n++) {
		memcpy(&r, data + at, sizeof(r));
		damage(&r);
	}
	if (world_mount() == 0) {
		look("", 0);
		change();
		look("", 0);
	} else {
		ASSERT(world_said[0] ||
			((struct superblock *)(world_disk + BLOCK_SIZE))->magic != FS_MAGIC);
	}
	ASSERT(world_unmount());
	return 0;
}
