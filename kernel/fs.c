#include "kernel/fs.h"
#include "kernel/blk.h"
#include "kernel/bootinfo.h"

#define NINODES 128

static struct blkdev *disk;
static struct superblock sb;
static struct inode inodes[NINODES], *root;
static struct spinlock lock = SPINLOCK_INIT("inodes");

/* Reads and checks the superblock of a disk. */
static int
read_superblock(struct blkdev *dev, struct superblock *out)
{
	u64 blocks = dev->nblocks * dev->block_size / BLOCK_SIZE;
	struct buf *b;
	int err = blocks < 2 ? -EINVAL : bio_read(dev, 1, &b);

	if (err)
		return err;
	memcpy(out, b->data, sizeof(*out));
	bio_release(b);
	if (out->magic != FS_MAGIC || out->version != 1)
		return -EINVAL;
	if (out->nblocks > blocks || out->inodestart < 2 || out->bitmapstart <= out->inodestart ||
		out->datastart <= out->bitmapstart || out->datastart >= out->nblocks ||
		out->ninodes <= ROOT_INO ||
		DIV_UP((u64)out->ninodes, INODES_PER_BLOCK) > out->bitmapstart - out->inodestart) {
		pr_err("fs: %s: the superblock's numbers do not fit together", dev->name);
		return -EINVAL;
	}
	return 0;
}

static struct inode *inode_get(u32 ino);

int
fs_mount_root(void)
{
	char name[16] = "auto";

	boot_option("root", name, sizeof(name));
	for (unsigned i = 0; i < NINODES; i++)
		mutex_init(&inodes[i].lock, "inode");
	if (strcmp(name, "auto") != 0) {
		if (!(disk = blk_find(name, 0)) || read_superblock(disk, &sb))
			return -ENODEV;
	} else if (!(disk = blk_find("module", 0)) || read_superblock(disk, &sb)) {
		for (unsigned i = 0; (disk = blk_find(NULL, i)); i++)
			if (read_superblock(disk, &sb) == 0)
				break;
		if (!disk)
			return -ENODEV;
	}
	disk->mounts++;
	pr_info("fs: root on %s, %u blocks", disk->name, sb.nblocks);
	root = inode_get(ROOT_INO);
	return root ? 0 : -ENOMEM;
}

struct inode *
fs_root(void)
{
	return root;
}

/* The in-memory inode, referenced; NULL if the table is full or there is no such inode. */
static struct inode *
inode_get(u32 ino)
{
	struct inode *ip, *empty = NULL;

	if (ino == 0 || ino >= sb.ninodes)
		return NULL;
	spin_lock(&lock);
	for (ip = inodes; ip < inodes + NINODES; ip++) {
		if (ip->refs && ip->ino == ino)
			break;
		if (!ip->refs && !empty)
			empty = ip;
	}
	if (ip == inodes + NINODES && (ip = empty)) {
		ip->ino = ino;
		ip->loaded = false;
	}
	if (ip)
		ip->refs++;
	spin_unlock(&lock);
	return ip;
}

struct inode *
inode_ref(struct inode *ip)
{
	spin_lock(&lock);
	ip->refs++;
	spin_unlock(&lock);
	return ip;
}

void
inode_put(struct inode *ip)
{
	spin_lock(&lock);
	ip->refs--;
	spin_unlock(&lock);
}

/* Reads the inode from disk if that has not been done. Inode locked. */
static int
load(struct inode *ip)
{
	struct buf *b;
	int err;

	if (ip->loaded)
		return 0;
	if ((err = bio_read(disk, sb.inodestart + ip->ino / INODES_PER_BLOCK, &b)))
		return err;
	memcpy(&ip->d, b->data + ip->ino % INODES_PER_BLOCK * sizeof(ip->d), sizeof(ip->d));
	bio_release(b);
	if (ip->d.type == T_FREE || ip->d.size > MAX_BLOCKS * (u64)BLOCK_SIZE)
		return -EIO;
	ip->loaded = true;
	return 0;
}

/* Entry i of the block of block numbers `block`; 0 stays 0. */
static int
indirect(u32 block, u32 i, u32 *out)
{
	struct buf *b;
	int err;

	*out = 0;
	if (!block)
		return 0;
	if (block >= sb.nblocks || (err = bio_read(disk, block, &b)))
		return -EIO;
	*out = ((u32 *)b->data)[i];
	bio_release(b);
	return 0;
}

/* The disk block of the file's n-th block; 0 is a hole. Inode locked. */
static int
block_of(struct inode *ip, u64 n, u32 *out)
{
	u32 middle;
	int err = 0;

	if (n < NDIRECT) {
		*out = ip->d.addr[n];
	} else if ((n -= NDIRECT) < NINDIRECT) {
		err = indirect(ip->d.addr[NDIRECT], n, out);
	} else {
		n -= NINDIRECT;
		err = indirect(ip->d.addr[NDIRECT + 1], n / NINDIRECT, &middle);
		if (!err)
			err = indirect(middle, n % NINDIRECT, out);
	}
	return err ? err : *out >= sb.nblocks ? -EIO : 0;
}

s64
inode_read(struct inode *ip, void *dst, u64 offset, size_t n)
{
	size_t done = 0;
	int err;

	mutex_lock(&ip->lock);
	err = load(ip);
	if (!err && offset < ip->d.size)
		n = MIN(n, ip->d.size - offset);
	else
		n = 0;
	while (done < n && !err) {
		u64 at = offset + done;
		size_t k = MIN(n - done, BLOCK_SIZE - at % BLOCK_SIZE);
		struct buf *b;
		u32 block;

		if ((err = block_of(ip, at / BLOCK_SIZE, &block)))
			break;
		if (!block) {
			memset((char *)dst + done, 0, k);
		} else if (!(err = bio_read(disk, block, &b))) {
			memcpy((char *)dst + done, b->data + at % BLOCK_SIZE, k);
			bio_release(b);
		}
		done += k;
	}
	mutex_unlock(&ip->lock);
	return err ? err : (s64)done;
}

void
inode_stat(struct inode *ip, struct stat *st)
{
	mutex_lock(&ip->lock);
	*st = (struct stat){.ino = ip->ino};
	if (load(ip) == 0) {
		st->type = ip->d.type;
		st->nlink = ip->d.nlink;
		st->size = ip->d.size;
	}
	mutex_unlock(&ip->lock);
}

/* Looks `name` (n bytes) up in a directory. */
static int
dir_lookup(struct inode *dir, const char *name, size_t n, u32 *ino)
{
	struct dirent de;
	struct stat st;
	s64 got;

	inode_stat(dir, &st);
	if (st.type != T_DIR)
		return -ENOTDIR;
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	for (u64 at = 0; (got = inode_read(dir, &de, at, sizeof(de))) == sizeof(de);
		at += sizeof(de)) {
		if (de.ino && strncmp(de.name, name, n) == 0 && !de.name[n]) {
			*ino = de.ino;
			return 0;
		}
	}
	return got < 0 ? (int)got : -ENOENT;
}

int
fs_lookup(const char *path, struct inode **out)
{
	struct inode *ip = inode_ref(*path == '/' ? root : current()->cwd);

	for (;;) {
		const char *name;
		u32 ino = 0;
		int err;

		while (*path == '/')
			path++;
		if (!*path)
			break;
		for (name = path; *path && *path != '/';)
			path++;
		err = dir_lookup(ip, name, path - name, &ino);
		inode_put(ip);
		if (err)
			return err;
		if (!(ip = inode_get(ino)))
			return -EIO;
	}
	*out = ip;
	return 0;
}
