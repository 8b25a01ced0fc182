#include "kernel/log.h"
#include "kernel/blk.h"

#define LOG_MAGIC 0x4c4f4721 /* "!GOL" */
#define LOG_MAX   ((BLOCK_SIZE - 8) / sizeof(u32))

struct header {
	u32 magic, n;
	u32 block[LOG_MAX];
};
_Static_assert(sizeof(struct header) == BLOCK_SIZE, "a block");

static struct {
	struct spinlock lock;
	struct blkdev *dev;
	u32 start, size;
	unsigned running; /* operations under way */
	bool committing;
	u64 commits;              /* transactions that are on the disk */
	struct buf *buf[LOG_MAX]; /* of this transaction: pinned in the cache */
	struct header head;
	int error; /* of the disk: from then on nothing is written any more */
} log = {.lock = SPINLOCK_INIT("log")};

static int
write_block(u32 block, void *data)
{
	return blk_rw(log.dev, true, (u64)block * BLOCK_SIZE, data, BLOCK_SIZE);
}

/* Copies a committed transaction to its home, from the log. */
static int
recover(struct header *h)
{
	struct buf *from, *to;
	int err = 0;

	for (u32 i = 0; i < h->n && !err; i++) {
		if ((err = bio_read(log.dev, log.start + 1 + i, &from)))
			break;
		if (!(err = bio_read(log.dev, h->block[i], &to))) {
			memcpy(to->data, from->data, BLOCK_SIZE);
			err = write_block(h->block[i], to->data);
			bio_release(to);
		}
		bio_release(from);
	}
	return err ? err : blk_flush(log.dev);
}

int
log_init(struct blkdev *dev, u32 logstart, u32 nlog)
{
	struct buf *b;
	int err;

	log.dev = dev;
	log.start = logstart;
	log.size = MIN(nlog, LOG_MAX) - 1;
	log.head.magic = LOG_MAGIC;
	if ((err = bio_read(dev, logstart, &b)))
		return err;
	struct header *h = (struct header *)b->data;
	if (h->magic == LOG_MAGIC && h->n) {
		if (h->n > log.size) {
			pr_err("fs: the log says %u blocks and has %u", h->n, log.size);
			err = -EINVAL;
		} else {
			pr_info("fs: recovering %u blocks from the log", h->n);
			err = recover(h);
		}
		h->n = 0;
	}
	if (!err)
		err = write_block(logstart, h);
	bio_release(b);
	return err;
}

void
log_begin(void)
{
	if (current()->log_depth++)
		return;
	spin_lock(&log.lock);
	/* Room for the worst that all who run, and we, may do. */
	while (log.committing || log.head.n + (log.running + 1) * LOG_OP_BLOCKS > log.size)
		proc_sleep(&log, &log.lock);
	log.running++;
	spin_unlock(&log.lock);
}

/* Writes the transaction's blocks, to the log or to their homes; neighbours in one request. */
static int
write_buffers(bool to_log)
{
	struct sg sg[16];
	int err = 0;

	for (u32 i = 0, k; i < log.head.n && !err; i += k) {
		u32 at = to_log ? log.start + 1 + i : log.buf[i]->block;
		u32 most = MIN(NELEM(sg), log.dev->max_bytes / BLOCK_SIZE);

		for (k = 0; k < most && i + k < log.head.n; k++) {
			if (!to_log && log.buf[i + k]->block != at + k)
				break;
			sg[k] = (struct sg){log.buf[i + k]->data, BLOCK_SIZE};
		}
		err = log.dev->rw(log.dev, true, (u64)at * BLOCK_SIZE, sg, k);
	}
	return err;
}

/*
 * The order is what makes it safe: contents, then (after a flush) the header that says that they
 * count, then (after a flush) their homes, then an empty header.
 */
static int
commit(void)
{
	int err = write_buffers(true);

	if (!err && !(err = blk_flush(log.dev)) && !(err = write_block(log.start, &log.head)))
		err = blk_flush(log.dev);
	if (!err)
		err = write_buffers(false);
	if (!err && !(err = blk_flush(log.dev))) {
		u32 n = log.head.n;
		log.head.n = 0;
		err = write_block(log.start, &log.head);
		log.head.n = n;
	}
	return err;
}

void
log_end(void)
{
	int err;

	if (--current()->log_depth)
		return;
	spin_lock(&log.lock);
	if (--log.running || !log.head.n) {
		spin_unlock(&log.lock);
		wakeup(&log);
		return;
	}
	/* The last one out commits for all; nobody begins meanwhile. */
	log.committing = true;
	spin_unlock(&log.lock);
	err = log.error ? log.error : commit();
	for (u32 i = 0; i < log.head.n; i++)
		bio_unpin(log.buf[i]);
	spin_lock(&log.lock);
	if (err && !log.error) {
		pr_err("fs: the log cannot be written (%s): nothing is from now on", strerror(err));
		log.error = err;
	}
	log.head.n = 0;
	log.commits++;
	log.committing = false;
	spin_unlock(&log.lock);
	wakeup(&log);
}

void
log_write(struct buf *b)
{
	ASSERT(current()->log_depth);
	spin_lock(&log.lock);
	u32 i = 0;
	while (i < log.head.n && log.buf[i] != b) /* changed before: written once */
		i++;
	if (i == log.head.n) {
		if (i == log.size)
			panic("log: an operation changes more than %d blocks", LOG_OP_BLOCKS);
		log.buf[i] = b;
		log.head.block[i] = b->block;
		log.head.n++;
		bio_pin(b);
	}
	spin_unlock(&log.lock);
}

int
log_sync(void)
{
	spin_lock(&log.lock);
	/* What was done is in the running transaction, or committed. */
	u64 want = log.commits + (log.head.n || log.committing);
	while (log.commits < want && (log.head.n || log.committing))
		proc_sleep(&log, &log.lock);
	spin_unlock(&log.lock);
	return log.error;
}
