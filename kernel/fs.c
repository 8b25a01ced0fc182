/* Mounting: which disk, and whether what it holds can be believed. */
#include "kernel/fs.h"
#include "kernel/blk.h"
#include "kernel/bootinfo.h"
#include "kernel/log.h"

struct blkdev *fs_disk;
struct superblock fs_super;
static struct inode *root;

struct inode *
fs_root(void)
{
	return root;
}

/* Reads and checks the superblock of a disk: the areas follow each other and fit. */
static int
read_superblock(struct blkdev *dev, struct superblock *sb)
{
	u64 blocks = dev->nblocks * dev->block_size / BLOCK_SIZE;
	struct buf *b;
	int err = blocks < 2 ? -EINVAL : bio_read(dev, 1, &b);

	if (err)
		return err;
	memcpy(sb, b->data, sizeof(*sb));
	bio_release(b);
	if (sb->magic != FS_MAGIC || sb->version != 1)
		return -EINVAL;
	if (sb->nblocks > blocks || sb->logstart < 2 || sb->nlog < 2 * LOG_OP_BLOCKS ||
		(u64)sb->logstart + sb->nlog > sb->inodestart || sb->ninodes <= ROOT_INO ||
		sb->inodestart + DIV_UP((u64)sb->ninodes, INODES_PER_BLOCK) > sb->bitmapstart ||
		sb->bitmapstart + DIV_UP((u64)sb->nblocks, BLOCK_SIZE * 8) > sb->datastart ||
		sb->datastart >= sb->nblocks) {
		pr_err("fs: %s: the superblock's numbers do not fit together", dev->name);
		return -EINVAL;
	}
	/* To free a file is one operation, which may change every block of the bitmap. */
	if (sb->nblocks > (LOG_OP_BLOCKS - 4) * BLOCK_SIZE * 8) {
		pr_err("fs: %s: larger than 2 GiB", dev->name);
		return -EFBIG;
	}
	return 0;
}

/* The disk that holds the root, with its superblock read; NULL if there is none. */
static struct blkdev *
find_root(void)
{
	char name[16] = "auto";
	struct blkdev *dev;

	boot_option("root", name, sizeof(name));
	if (strcmp(name, "auto") != 0) {
		dev = blk_find(name, 0);
		return dev && read_superblock(dev, &fs_super) == 0 ? dev : NULL;
	}
	if ((dev = blk_find("module", 0)) && read_superblock(dev, &fs_super) == 0)
		return dev;
	for (unsigned i = 0; (dev = blk_find(NULL, i)); i++)
		if (read_superblock(dev, &fs_super) == 0)
			return dev;
	return NULL;
}

int
fs_mount_root(void)
{
	int err;

	if (!(fs_disk = find_root()))
		return -ENODEV;
	if ((err = log_init(fs_disk, fs_super.logstart, fs_super.nlog)))
		return err;
	fs_disk->mounts++;
	pr_info("fs: root on %s, %u blocks", fs_disk->name, fs_super.nblocks);
	inode_free_orphans();
	if (!(root = inode_get(ROOT_INO)) || inode_lock(root))
		return -EIO;
	inode_unlock(root);
	return root->d.type == T_DIR ? 0 : -ENOTDIR;
}
