/* The buffer cache: blocks of 4 KiB, one copy of each in memory. */
#include "kernel/blk.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"

#define BUCKETS 128

static struct buf bufs[NBUF];
static struct buf *bucket[BUCKETS]; /* by block: chains through `next` */
static unsigned hand;               /* of the clock: where recycle() goes on */
static struct spinlock lock = SPINLOCK_INIT("bio");

/*
 * Gives a buffer to another block: the first that nobody uses and nobody has used since we last
 * came by. NULL if all are in use. Lock held.
 */
static struct buf *
recycle(struct blkdev *dev, u32 block)
{
	for (unsigned tries = 0; tries < 2 * NBUF; tries++) {
		struct buf *b = &bufs[hand++ % NBUF], **p = &bucket[b->block % BUCKETS];
		bool used = b->used;

		b->used = false;
		if (b->refs || b->logged || used)
			continue;
		for (; b->dev && *p != b;)
			p = &(*p)->next;
		if (b->dev)
			*p = b->next;
		b->dev = dev;
		b->block = block;
		b->valid = false;
		b->next = bucket[block % BUCKETS];
		return bucket[block % BUCKETS] = b;
	}
	return NULL;
}

/* The buffer of a block, busy, with a page; its data may not be valid. NULL without memory. */
static struct buf *
get(struct blkdev *dev, u32 block)
{
	struct buf *b;

	spin_lock(&lock);
	for (b = bucket[block % BUCKETS]; b && (b->block != block || b->dev != dev);)
		b = b->next;
	if (b || (b = recycle(dev, block))) {
		b->refs++;
		while (b->busy) {
			b->waiters++;
			proc_sleep(b, &lock);
			b->waiters--;
		}
		b->busy = true;
	}
	spin_unlock(&lock);
	if (b && !b->data && !(b->data = page_alloc(FRAME_CACHE))) {
		bio_release(b);
		b = NULL;
	}
	return b;
}

int
bio_read(struct blkdev *dev, u32 block, struct buf **out)
{
	struct buf *b = *out = get(dev, block);
	int err;

	if (!b)
		return -ENOMEM;
	if (b->valid)
		return 0;
	if ((err = blk_rw(dev, false, (u64)block * BLOCK_SIZE, b->data, BLOCK_SIZE)))
		bio_release(b);
	else
		b->valid = true;
	return err;
}

int
bio_zero(struct blkdev *dev, u32 block, struct buf **out)
{
	struct buf *b = *out = get(dev, block);

	if (!b)
		return -ENOMEM;
	memset(b->data, 0, BLOCK_SIZE);
	b->valid = true;
	return 0;
}

void
bio_release(struct buf *b)
{
	spin_lock(&lock);
	b->refs--;
	b->busy = false;
	b->used = true;
	if (b->waiters)
		wakeup(b);
	spin_unlock(&lock);
}
