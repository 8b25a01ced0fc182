/* The buffer cache: blocks of 4 KiB, one copy of each in memory. */
#include "kernel/blk.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"

#define NBUF 256

static struct buf bufs[NBUF];
static struct spinlock lock = SPINLOCK_INIT("bio");
static u64 now; /* counts uses: the cache's clock */

/* Buffers by block: chains through `next`. */
#define BUCKETS 128
static struct buf *bucket[BUCKETS];

/* Moves a buffer to another block's chain. Lock held. */
static void
rehash(struct buf *b, struct blkdev *dev, u32 block)
{
	struct buf **p = &bucket[b->block % BUCKETS];

	for (; b->dev && *p != b;)
		p = &(*p)->next;
	if (b->dev)
		*p = b->next;
	b->dev = dev;
	b->block = block;
	b->next = bucket[block % BUCKETS];
	bucket[block % BUCKETS] = b;
}

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
	for (b = bucket[block % BUCKETS]; b && (b->dev != dev || b->block != block);)
		b = b->next;
	if (!b) {
		for (struct buf *i = bufs; i < bufs + NBUF; i++)
			if (!i->refs && (!oldest || i->used < oldest->used))
				oldest = i;
		if ((b = oldest)) {
			rehash(b, dev, block);
			b->valid = false;
		}
	}
	if (b) {
		b->refs++;
		b->used = ++now;
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
	mutex_unlock(&b->lock);
	spin_lock(&lock);
	b->refs--;
	spin_unlock(&lock);
}
