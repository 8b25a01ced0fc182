/* The file system: buffer cache, inodes, directories, paths. Read-only so far. */
#ifndef KERNEL_FS_H
#define KERNEL_FS_H

#include "kernel/abi.h"
#include "kernel/fsformat.h"
#include "kernel/proc.h"

struct blkdev;

/* A cached block. Its holder has `lock`; data is one page. */
struct buf {
	struct blkdev *dev;
	u32 block;
	int refs;
	bool valid;
	u64 used; /* for least recently used */
	struct mutex lock;
	u8 *data;
};

void bio_init(void);
/* The block with its data, locked. -EIO or the driver's error otherwise. */
int bio_read(struct blkdev *dev, u32 block, struct buf **b);
void bio_release(struct buf *b);

struct inode {
	u32 ino;
	int refs;
	struct mutex lock; /* over `loaded` and d */
	bool loaded;
	struct dinode d;
};

/*
 * Mounts the root: the device that root= names; else the boot module, else the first disk with
 * our superblock.
 */
int fs_mount_root(void);
struct inode *fs_root(void);
struct inode *inode_ref(struct inode *ip);
void inode_put(struct inode *ip);

/* The inode at a path, from the current directory if it is relative. */
int fs_lookup(const char *path, struct inode **ip);
/* Reads into kernel memory; the bytes read, 0 at the end, or a negative error. */
s64 inode_read(struct inode *ip, void *dst, u64 offset, size_t n);
void inode_stat(struct inode *ip, struct stat *st);

#endif
