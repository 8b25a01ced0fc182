/* Block devices: disks, and the boot module. */
#pragma once

#include "kernel/lib.h"

struct blkdev;

#define BLK_PIECES 17 /* of one asynchronous request: 64 KiB that begin within a page */

/* Who has asynchronous requests under way. The driver's. */
struct blk_channel {
	void *queue;
	unsigned running, ndone; /* requests under way; in `done`: not collected yet */
	struct list done;
};

/* One of these requests. */
struct blk_io {
	struct list link;
	struct blk_channel *channel;
	bool write;
	int error; /* out */
	u64 pos, bytes, tag;
	unsigned n;
	struct sg sg[BLK_PIECES]; /* as of rw() */
};

/*
 * What a driver offers that has asynchronous requests. One is taken, filled in, started, collected
 * and given back.
 */
struct blk_async {
	void (*open)(struct blkdev *, struct blk_channel *);
	/* Takes up to n free requests, without pieces; `wait`: at least one, unless the device
	 * fails. */
	unsigned (*take)(struct blk_channel *, struct blk_io *io[], unsigned n, bool wait);
	/* Begins them, telling the device once: so many, or an error if it is none. May sleep. */
	int (*start)(struct blk_channel *, struct blk_io *io[], unsigned n);
	/*
	 * Up to max requests that are done: as soon as there are min of them, or none runs any
	 * more; if killable also when the caller has been killed.
	 */
	unsigned (*collect)(struct blk_channel *, struct blk_io *io[], unsigned max, unsigned min,
		bool killable);
	void (*give)(struct blk_channel *, struct blk_io *io[], unsigned n);
};

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
	size_t max_bytes;              /* of one rw(), and of one asynchronous request */
	const struct blk_async *async; /* NULL: has none */
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

/*
 * Asynchronous I/O on a disk's file (aio.c), as devops. What is under way belongs to the file: its
 * pages have one more owner and are pinned, whatever becomes of the process. Close waits for it.
 */
int aio_open(void *dev, void **state);
void aio_close(void *dev, void *state);
s64 aio_submit(void *dev, void *state, u64 user_list, unsigned n, bool writable);
s64 aio_collect(void *dev, void *state, u64 user_list, unsigned max, unsigned min);

/* Reads from or writes to one piece of kernel memory. */
int blk_rw(struct blkdev *b, bool write, u64 pos, void *buf, size_t n);
int blk_flush(struct blkdev *b);
