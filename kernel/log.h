/*
 * The write-ahead log. Changes to the disk are made in transactions: all of one is found after a
 * crash, or nothing. A transaction gathers operations, of one process or several, until the log is
 * full, somebody syncs, or a second has passed (group commit).
 *
 * On disk: a header {magic, n, home block numbers}, then n blocks' new contents. The header is
 * written last, and with it the transaction has happened.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/fs.h"

/* The most blocks that one operation may change. */
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

#endif
