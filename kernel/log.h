/*
 * The write-ahead log. Changes to the disk are made in transactions: all of one is found after a
 * crash, or nothing. A transaction gathers the operations of several processes (group commit).
 *
 * On disk: a header {magic, n, home block numbers}, then n blocks' new contents. The header is
 * written last, and with it the transaction has happened.
 */
#ifndef KERNEL_LOG_H
#define KERNEL_LOG_H

#include "kernel/fs.h"

/* The most blocks that one operation may change. */
#define LOG_OP_BLOCKS 20

/* Finishes what a crash interrupted. `logstart` and `nlog` as in the superblock. */
int log_init(struct blkdev *dev, u32 logstart, u32 nlog);

/*
 * An operation: between these two, the calling process may change blocks. They nest; only the
 * outermost pair counts. log_end() may wait for the disk.
 */
void log_begin(void);
void log_end(void);
/* Instead of writing it: this locked buffer is part of the operation. */
void log_write(struct buf *b);
/* Returns when everything that was done before is on the disk. */
int log_sync(void);

#endif
