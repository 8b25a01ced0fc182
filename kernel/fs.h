/*
 * The file system, from the bottom: buffer cache (bio.c), log (log.h), inodes (inode.c),
 * directories and paths (dir.c), mounting (fs.c).
 *
 * Order of locks: log_begin() before any inode's lock, a directory's before that of what is in
 * it, an inode's before a buffer's.
 */
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
	u64 used;         /* when: the least recently used goes first */
	struct buf *next; /* in its hash chain */
	struct mutex lock;
	u8 *data;
};

void bio_init(void);
/* The block with its data, locked. -EIO or the driver's error otherwise. */
int bio_read(struct blkdev *dev, u32 block, struct buf **b);
void bio_release(struct buf *b);
/* Keeps a block in the cache; the log does until it is written. */
void bio_pin(struct buf *b);
void bio_unpin(struct buf *b);

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
/* The mounted disk and its superblock. */
extern struct blkdev *fs_disk;
extern struct superblock fs_super;

/* Inodes. inode_get: the inode with a number, referenced; NULL if the table is full. */
struct inode *inode_get(u32 ino);
struct inode *inode_ref(struct inode *ip);
void inode_put(struct inode *ip);

/* The inode at a path, from the current directory if it is relative. */
int fs_lookup(const char *path, struct inode **ip);
/* Reads into kernel memory; the bytes read, 0 at the end, or a negative error. */
s64 inode_read(struct inode *ip, void *dst, u64 offset, size_t n);
void inode_stat(struct inode *ip, struct stat *st);
/* Writes from kernel memory, in as many transactions as it takes; the bytes written. */
s64 inode_write(struct inode *ip, const void *src, u64 offset, size_t n);
/* Makes a file empty. */
int inode_truncate(struct inode *ip);

/* The same for a caller that holds the inode's lock (inode_lock); write: within an operation. */
int inode_lock(struct inode *ip); /* and reads it from the disk if need be */
void inode_unlock(struct inode *ip);
s64 inode_read_locked(struct inode *ip, void *dst, u64 offset, size_t n);
s64 inode_write_locked(struct inode *ip, const void *src, u64 offset, size_t n);
/* Writes the inode itself (type, nlink, size) into the operation. */
int inode_update(struct inode *ip);
/* A new inode of a type, referenced, nlink 0, within an operation. -ENOSPC. */
int inode_alloc(u16 type, struct inode **ip);
/* After a crash: frees inodes that nothing names. */
void inode_free_orphans(void);

/* What the system calls of these names do. */
int fs_create(const char *path, u16 type, struct inode **ip);
int fs_unlink(const char *path);
int fs_link(const char *old, const char *path);

#endif
