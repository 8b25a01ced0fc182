/* Mounting: which disk, and whether what it holds can be believed. */
#include "kernel/fs.h"
#include "kernel/blk.h"
#include "kernel/bootinfo.h"

struct blkdev *fs_disk;
struct superblock fs_super;
struct inode *fs_root;

int
fs_damaged(const char *fmt, ...)
{
	char line[100];
	struct text t = TEXT_ON(line);

	text_args(&t, fmt);
	if (log_stop())
		pr_err("fs: %s is damaged: %s; read-only from now on, check it with fsck",
			fs_disk->name, line);
	return -EIO;
}

/* What is wrong with a superblock: the areas must follow each other and fit. NULL: nothing. */
static const char *
superblock_wrong(const struct superblock *sb, u64 blocks)
{
	return sb->version != 1       ? "its version is not 1"
	       : sb->nblocks > blocks ? "it is larger than the disk"
	       : sb->logstart < 2 || sb->nlog < 2 * LOG_OP_BLOCKS ||
			       (u64)sb->logstart + sb->nlog > sb->inodestart
		       ? "its log is out of place"
	       : sb->ninodes <= ROOT_INO + 1 ||
			       sb->inodestart + DIV_UP((u64)sb->ninodes, INODES_PER_BLOCK) >
				       sb->bitmapstart
		       ? "its inodes are out of place"
	       : sb->bitmapstart + DIV_UP((u64)sb->nblocks, BLOCK_SIZE * 8) > sb->datastart
		       ? "its bitmap is out of place"
	       : sb->datastart >= sb->nblocks ? "its data are out of place"
					      : NULL;
}

/* Reads and checks a disk's superblock; false if there is none: who asked by name is told. */
static bool
read_superblock(struct blkdev *dev, bool asked)
{
	struct superblock *sb = &fs_super;
	u64 blocks = dev->nblocks * dev->block_size / BLOCK_SIZE;
	const char *wrong;
	struct buf *b;

	if (blocks < 2 || bio_read(dev, 1, &b))
		return false;
	memcpy(sb, b->data, sizeof(*sb));
	bio_release(b);
	if (sb->magic != FS_MAGIC) {
		if (asked)
			pr_err("fs: %s holds no file system of ours: its magic number is not there",
				dev->name);
		return false;
	}
	if ((wrong = superblock_wrong(sb, blocks)))
		pr_err("fs: %s is not mounted: %s; check it with fsck", dev->name, wrong);
	return !wrong;
}

/* The disk that holds the root, with its superblock read; NULL if there is none. */
static struct blkdev *
find_root(void)
{
	char name[16] = "auto";
	struct blkdev *dev;

	boot_option("root", name, sizeof(name));
	bool any = strcmp(name, "auto") == 0;
	for (unsigned i = 0; (dev = blk_disk(i)); i++)
		if ((any || strcmp(name, dev->name) == 0) && read_superblock(dev, !any))
			break;
	return dev;
}

int
fs_mount_root(void)
{
	int err;

	if (!(fs_disk = find_root()))
		return -ENODEV;
	if ((err = log_init(fs_disk, &fs_super)))
		return err;
	fs_disk->mounts++;
	pr_info("fs: root on %s, %u blocks", fs_disk->name, fs_super.nblocks);
	fs_root = inode_get(ROOT_INO);
	if ((err = inode_lock(fs_root)))
		return err;
	if (fs_root->d.type != T_DIR || fs_root->d.nlink < 2)
		err = fs_damaged("inode %u, the root, is not a directory", ROOT_INO);
	inode_unlock(fs_root);
	if (!err)
		inode_free_orphans();
	return err;
}
