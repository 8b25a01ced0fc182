/* The buffer cache: blocks of 4 KiB, one copy of each in memory. */
#include "kernel/blk.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"

#define BUCKETS 128

static struct buf bufs[NBUF];
static struct buf *bucket[BUCKETS];      /* by block: chains through `next` */
static struct list lru = LIST_INIT(lru); /* all buffers, the longest unused first */
static struct spinlock lock = SPINLOCK_INIT("bio");

void
bio_init(void)
{
	for (int i = 0; i < NBUF; i++)
		list_add_tail(&lru, &bufs[i].lru);
}

/* Gives the longest unused buffer to another block; NULL if all are in use. Lock held. */
static struct buf *
recycle(struct blkdev *dev, u32 block)
{
	list_for_each (it, &lru) {
		struct buf *b = list_entry(it, struct buf, lru), **p = &bucket[b->block % BUCKETS];

		if (b->refs)
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

/* The buffer of a block, busy, with a page; its data may not be valid. -ENOMEM. */
static int
get(struct blkdev *dev, u32 block, struct buf **out)
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
	*out = b;
	if (b && !b->data && !(b->data = page_alloc(FRAME_CACHE))) {
		bio_release(b);
		return -ENOMEM;
	}
	return b ? 0 : -ENOMEM;
}

int
bio_read(struct blkdev *dev, u32 block, struct buf **out)
{
	int err = get(dev, block, out);
	struct buf *b = *out;

	if (err || b->valid)
		return err;
	if ((err = blk_rw(dev, false, (u64)block * BLOCK_SIZE, b->data, BLOCK_SIZE)))
		bio_release(b);
	else
		b->valid = true;
	return err;
}

int
bio_zero(struct blkdev *dev, u32 block, struct buf **out)
{
	int err = get(dev, block, out);

	if (!err) {
		memset((*out)->data, 0, BLOCK_SIZE);
		(*out)->valid = true;
	}
	return err;
}

void
bio_pin(struct buf *b)
{
	spin_lock(&lock);
	b->refs++;
	spin_unlock(&lock);
}

void
bio_unpin(struct buf *b)
{
	spin_lock(&lock);
	b->refs--;
	spin_unlock(&lock);
}

void
bio_release(struct buf *b)
{
	spin_lock(&lock);
	b->refs--;
	b->busy = false;
	list_remove(&b->lru);
	list_add_tail(&lru, &b->lru);
	if (b->waiters)
		wakeup(b);
	spin_unlock(&lock);
}
