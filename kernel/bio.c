/* The buffer cache: blocks of 4 KiB, one copy of each in memory. */
#include "kernel/blk.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"

#define NBUF 256

static struct buf bufs[NBUF];
static struct spinlock lock = SPINLOCK_INIT("bio");
static u64 clock_;

void
bio_init(void)
{
	for (int i = 0; i < NBUF; i++)
		mutex_init(&bufs[i].lock, "buf");
}

/* The buffer for (dev, block), referenced: a cached one, else the least recently used free one. */
static struct buf *
get(struct blkdev *dev, u32 block)
{
	struct buf *b, *oldest = NULL;

	spin_lock(&lock);
	for (b = bufs; b < bufs + NBUF; b++) {
		if (b->dev == dev && b->block == block)
			goto found;
		if (!b->refs && (!oldest || b->used < oldest->used))
			oldest = b;
	}
	b = oldest;
	if (b) {
		b->dev = dev;
		b->block = block;
		b->valid = false;
	found:
		b->refs++;
		b->used = ++clock_;
	}
	spin_unlock(&lock);
	return b;
}

int
bio_read(struct blkdev *dev, u32 block, struct buf **out)
{
	struct buf *b = get(dev, block);
	int err = 0;

	if (!b)
		return -ENOMEM;
	mutex_lock(&b->lock);
	if (!b->data && !(b->data = page_alloc(FRAME_CACHE)))
		err = -ENOMEM;
	if (!err && !b->valid)
		err = blk_rw(dev, false, (u64)block * BLOCK_SIZE, b->data, BLOCK_SIZE);
	if (err) {
		bio_release(b);
		return err;
	}
	b->valid = true;
	*out = b;
	return 0;
}

void
bio_release(struct buf *b)
{
	mutex_unlock(&b->lock);
	spin_lock(&lock);
	b->refs--;
	spin_unlock(&lock);
}
