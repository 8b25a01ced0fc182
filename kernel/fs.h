/*
 * The file system, from the bottom: buffer cache (bio.c), log (log.c), inodes (inode.c),
 * directories and paths (dir.c), mounting (fs.c).
 *
 * Order of locks: log_begin() before any inode's lock, a directory's before that of what is in
 * it, an inode's before a buffer. Nobody waits for one buffer with data while holding another.
 *
 * What the disk says is not believed. Whoever finds something that cannot be calls fs_damaged():
 * one line says what, and the file system is read-only from then on.
 */
#pragma once

#include "lib/fsformat.h"
#include "kernel/proc.h"

struct blkdev;

#define NBUF 256

/* A cached block. Who has made it busy owns its data, one page; the rest is bio.c's. */
struct buf {
	struct blkdev *dev;
	u32 block;
	int refs;    /* users, and those who wait */
	int waiters; /* for it not to be busy */
	bool busy, valid, used;
	bool logged;      /* the log's: part of the open transaction, so it stays in the cache */
	struct buf *next; /* in its hash chain */
	u8 *data;
};

/* The block with its data, busy until it is released. -ENOMEM or the driver's error otherwise. */
int bio_read(struct blkdev *dev, u32 block, struct buf **b);
/* The same for one whose contents do not matter: filled with zeros instead of read. */
int bio_zero(struct blkdev *dev, u32 block, struct buf **b);
void bio_release(struct buf *b);

/* The log. The most blocks that one operation may change. */
#define LOG_OP_BLOCKS 20

/* Finishes what a crash interrupted. -EINVAL, said in a line, if the log cannot be believed. */
int log_init(struct blkdev *dev, const struct superblock *sb);

/*
 * An operation: between these two, the calling process may change blocks. They do not nest, and
 * no inode is locked at either. log_begin() may wait for the disk; -EROFS once the log has
 * stopped, and then there is no log_end().
 */
int log_begin(void);
void log_end(void);
/* Instead of bio_release(): this buffer has changed and is part of the operation. */
void log_write(struct buf *b);
/* Returns when everything that was done before is on the disk. */
int log_sync(void);
/* From now on nothing is written; false if it was so already. */
bool log_stop(void);

/* In memory; one that nobody refers to is kept until its place is needed. */
struct inode {
	u32 ino;
	int refs;
	struct mutex lock; /* over `loaded` and d */
	bool loaded;
	struct dinode d;
};

/*
 * Mounts the root: the device that root= names; else the boot module, else the first disk with
 * our superblock. An error says in a line of the log which check failed.
 */
int fs_mount_root(void);
/* The mounted disk, its superblock and its root directory. */
extern struct blkdev *fs_disk;
extern struct superblock fs_super;
extern struct inode *fs_root;

/* Says what is wrong with the disk (the first time) and stops all writing; gives -EIO. */
int fs_damaged(const char *fmt, ...) PRINTF(1, 2);

/* Inodes. inode_get: the inode with a number, referenced; NULL if the table is full. */
struct inode *inode_get(u32 ino);
struct inode *inode_ref(struct inode *ip);
/* Gives a reference back, outside any operation: with the last one, a nameless inode is freed. */
void inode_put(struct inode *ip);

/* The inode at a path, from the current directory if it is relative. */
int fs_lookup(const char *path, struct inode **ip);
/* Reads into memory of the current process (user) or of the kernel; gives the bytes read. */
s64 inode_read(struct inode *ip, void *dst, u64 offset, size_t n, bool user);
int inode_stat(struct inode *ip, struct stat *st);
/* The same for writes, in many operations. */
s64 inode_write_all(struct inode *ip, const void *src, u64 offset, size_t n, bool user);
/* Makes a file empty. -ENOSPC: that of a large file takes a free inode for a while. */
int inode_truncate(struct inode *ip);

/* For a caller that holds the inode's lock; what writes, within an operation. */
int inode_lock(struct inode *ip); /* and reads it from the disk if need be */
void inode_unlock(struct inode *ip);
/* The file's n-th block; *b is NULL for a hole. */
int inode_block(struct inode *ip, u64 n, struct buf **b);
/* From memory of the current process (user) or of the kernel; writes a few blocks at most. */
s64 inode_write(struct inode *ip, const void *src, u64 offset, size_t n, bool user);
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
