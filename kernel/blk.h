/* Block devices: disks, and the boot module. */
#pragma once

#include "kernel/lib.h"

struct blkdev {
	char name[16]; /* "nvme0" */
	u32 block_size;
	u64 nblocks;
	void *driver;
	/*
	 * Moves whole blocks between the device at byte `pos` and n pieces of memory; any piece but
	 * the last ends, and any but the first begins, on a page boundary. 0 or a negative error.
	 * May sleep; several calls may run at once.
	 */
	int (*rw)(struct blkdev *, bool write, u64 pos, const struct sg *sg, unsigned n);
	/* Returns when all that was written is on the medium. NULL: it is at once. */
	int (*flush)(struct blkdev *);
	size_t max_bytes; /* of one rw() */
	int mounts;
	struct list link; /* blk.c's */
};

/* Makes the boot module a disk, the first. */
void blk_init(void);
/* Makes a disk known, and adds /dev/NAME. */
int blk_add(struct blkdev *b);
/* -EBUSY while it is mounted or open. */
int blk_remove(struct blkdev *b);
/* The i-th, by age; NULL if there is none. */
struct blkdev *blk_disk(unsigned i);

/* Reads from or writes to one piece of kernel memory. */
int blk_rw(struct blkdev *b, bool write, u64 pos, void *buf, size_t n);
int blk_flush(struct blkdev *b);
