/*
 * The write-ahead log. Changes to the disk are made in transactions: all of one is found after a
 * crash, or nothing. A transaction gathers operations, of one process or several, until the log is
 * full, somebody syncs, or a second has passed (group commit).
 *
 * On disk: a header {magic, n, home block numbers}, then n blocks' new contents. The header is
 * written last, and with it the transaction has happened.
 */
#include "kernel/fs.h"
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
	unsigned syncing; /* processes in log_sync() */
	unsigned waiters; /* who sleeps until any of this changes */
	bool committing;
	int error;                 /* -EROFS: nothing is written any more */
	u64 commits;               /* transactions that are on the disk, or were given up */
	struct buf *buf[NBUF / 2]; /* of this transaction: `logged` keeps them */
	struct header head;
} log = {.lock = SPINLOCK_INIT("log")};

static int
write_block(u32 block, void *data)
{
	return blk_rw(log.dev, true, (u64)block * BLOCK_SIZE, data, BLOCK_SIZE);
}

/* Copies a committed transaction to its home, from the log. */
static int
recover(const struct header *h)
{
	struct buf *from, *to;
	int err = 0;

	for (u32 i = 0; i < h->n && !err; i++) {
		if ((err = bio_read(log.dev, log.start + 1 + i, &from)))
			break;
		if (!(err = bio_zero(log.dev, h->block[i], &to))) {
			memcpy(to->data, from->data, BLOCK_SIZE);
			err = write_block(h->block[i], to->data);
			bio_release(to);
		}
		bio_release(from);
	}
	return err ? err : blk_flush(log.dev);
}

/* Whether a header found on the disk names only blocks that a transaction may change. */
static bool
believable(const struct header *h, const struct superblock *sb)
{
	bool fits = h->n <= MIN(sb->nlog, LOG_MAX + 1) - 1;
	u32 i = 0;

	while (fits && i < h->n && h->block[i] >= sb->inodestart && h->block[i] < sb->nblocks)
		i++;
	if (i < h->n)
		pr_err("fs: %s is not mounted: its log has %s %u, out of range; check it with fsck",
			log.dev->name, fits ? "block" : "a length of", fits ? h->block[i] : h->n);
	return i == h->n;
}

/* What is done reaches the disk within a second, if nobody asks for it earlier. */
static void
log_thread(void *unused)
{
	for (;;) {
		spin_lock(&log.lock);
		while (!log.head.n)
			proc_sleep(&log.head, &log.lock);
		spin_unlock(&log.lock);
		sleep_ms(1000);
		log_sync();
	}
}

int
log_init(struct blkdev *dev, const struct superblock *sb)
{
	struct buf *b;
	int err;

	log.dev = dev;
	log.start = sb->logstart;
	log.size = MIN(MIN(sb->nlog, LOG_MAX + 1) - 1, NBUF / 2); /* the cache has other users */
	log.head.magic = LOG_MAGIC;
	if ((err = bio_read(dev, log.start, &b)))
		return err;
	struct header *h = (struct header *)b->data;
	if (h->magic == LOG_MAGIC && h->n) {
		err = believable(h, sb) ? recover(h) : -EINVAL;
		if (!err)
			pr_info("fs: recovered %u blocks from the log", h->n);
	}
	bio_release(b);
	if (!err && !(err = write_block(log.start, &log.head))) /* n is 0 */
		err = blk_flush(dev);
	if (!err && !kthread_start("log", log_thread, NULL))
		err = -ENOMEM;
	return err;
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
 * count, then (after a flush) their homes, then an empty header; and that has to be on the disk
 * before the next contents are, which the old header does not describe.
 */
static int
write_transaction(void)
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
	return err ? err : blk_flush(log.dev);
}

/* Ends the transaction; nobody begins meanwhile. Lock held, no operation under way. */
static void
commit(void)
{
	int err = log.error;

	log.committing = true;
	spin_unlock(&log.lock);
	if (!err && (err = write_transaction()) && log_stop())
		pr_err("fs: the log cannot be written (%s): nothing is from now on", strerror(err));
	for (u32 i = 0; i < log.head.n; i++)
		WRITE_ONCE(log.buf[i]->logged, false);
	spin_lock(&log.lock);
	log.head.n = 0;
	log.commits++;
	log.committing = false;
	wakeup(&log);
}

/* Sleeps until something has changed. Lock held before and after. */
static void
log_wait(void)
{
	log.waiters++;
	proc_sleep(&log, &log.lock);
	log.waiters--;
}

int
log_begin(void)
{
	int err;

	spin_lock(&log.lock);
	/* Room for the worst that all who run, and we, may do. */
	while (!(err = log.error) &&
		(log.committing || log.syncing ||
			log.head.n + (log.running + 1) * LOG_OP_BLOCKS > log.size)) {
		if (log.committing || log.running || log.syncing)
			log_wait();
		else
			commit();
	}
	if (!err)
		log.running++;
	spin_unlock(&log.lock);
	return err;
}

void
log_end(void)
{
	spin_lock(&log.lock);
	log.running--;
	if (log.waiters)
		wakeup(&log);
	spin_unlock(&log.lock);
}

void
log_write(struct buf *b)
{
	if (!b->logged) { /* else changed before: written once */
		b->logged = true;
		spin_lock(&log.lock);
		ASSERT(log.running);
		if (log.head.n == log.size)
			panic("log: an operation changes more than %d blocks", LOG_OP_BLOCKS);
		if (!log.head.n)
			wakeup(&log.head); /* it writes what begins here */
		log.buf[log.head.n] = b;
		log.head.block[log.head.n++] = b->block;
		spin_unlock(&log.lock);
	}
	bio_release(b);
}

int
log_sync(void)
{
	int err;

	spin_lock(&log.lock);
	/* What was done is in the open transaction, or in the one that is being written. */
	u64 want = log.commits + (log.head.n != 0);
	log.syncing++; /* who begins now waits, so that those who run come to an end */
	while (log.commits < want) {
		if (log.committing || log.running)
			log_wait();
		else
			commit();
	}
	if (--log.syncing == 0 && log.waiters)
		wakeup(&log);
	err = log.error;
	spin_unlock(&log.lock);
	return err;
}

bool
log_stop(void)
{
	bool first;

	spin_lock(&log.lock);
	first = !log.error;
	log.error = -EROFS;
	spin_unlock(&log.lock);
	return first;
}
