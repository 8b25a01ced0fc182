#include "kernel/blk.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"

int
aio_open(void *dev, void **state)
{
	struct blkdev *b = dev;
	struct blk_channel *ch = kmalloc(sizeof(*ch));

	if (!ch)
		return -ENOMEM;
	list_init(&ch->done);
	if (b->async)
		b->async->open(b, ch);
	*state = ch;
	return 0;
}

/* Gives back n requests, and their pages. */
static void
give(struct blkdev *b, struct blk_channel *ch, struct blk_io *io[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		for (; io[i]->n; io[i]->n--)
			user_page_unpin(virt_to_phys(io[i]->sg[io[i]->n - 1].va));
	b->async->give(ch, io, n);
}

/* Checks what is asked for, and pins the pages: those that io->n counts, also on error. */
static int
prepare(struct blkdev *b, const struct io_request *q, bool writable, struct blk_io *io)
{
	u64 at = (u64)q->buf, size = b->nblocks * b->block_size;
	int err = 0;

	if (q->write > 1 || !q->bytes || q->bytes > b->max_bytes ||
		(at | q->offset | q->bytes) & (b->block_size - 1))
		return -EINVAL;
	if (q->write && (!writable || b->mounts))
		return writable ? -EBUSY : -EBADF;
	if (q->offset >= size || q->bytes > size - q->offset)
		return -ERANGE;
	io->tag = q->tag;
	io->pos = q->offset;
	io->bytes = q->bytes;
	io->write = q->write;
	for (u64 left = q->bytes, n; left && !err; left -= n, at += n) {
		struct sg *sg = &io->sg[io->n];

		sg->len = n = MIN(left, PAGE_SIZE - (at & PAGE_MASK));
		err = user_page_pin(at, !q->write, &sg->va);
		io->n += !err;
	}
	return err;
}

s64
aio_submit(void *dev, void *state, u64 user_list, unsigned n, bool writable)
{
	struct blkdev *b = dev;
	struct blk_channel *ch = state;
	struct io_request list[MAX_IO];
	struct blk_io *io[MAX_IO];
	unsigned taken, ready = 0;
	int err = 0, begun = 0;

	if (!b->async)
		return -ENODEV;
	if (copy_in(list, user_list, n * sizeof(list[0])))
		return -EFAULT;
	n = MIN(n, MAX_IO - MIN(ch->running + ch->ndone, (unsigned)MAX_IO));
	if (!(taken = b->async->take(ch, io, n, false)))
		return -EAGAIN;
	while (ready < taken && !(err = prepare(b, &list[ready], writable, io[ready])))
		ready++;
	if (ready)
		begun = b->async->start(ch, io, ready);
	if (begun < 0)
		err = begun, begun = 0;
	give(b, ch, io + begun, taken - begun);
	return begun ? begun : err;
}

s64
aio_collect(void *dev, void *state, u64 user_list, unsigned max, unsigned min)
{
	struct blkdev *b = dev;
	struct blk_channel *ch = state;
	struct blk_io *io[MAX_IO];
	struct io_result result[MAX_IO];
	unsigned n;

	if (!b->async)
		return -ENODEV;
	n = b->async->collect(ch, io, max, min, true);
	for (unsigned i = 0; i < n; i++)
		result[i] = (struct io_result){
			io[i]->tag, io[i]->error ? io[i]->error : (s64)io[i]->bytes};
	give(b, ch, io, n);
	if (copy_out(user_list, result, n * sizeof(result[0])))
		return -EFAULT; /* who gives no room for the results loses them */
	return n || !min || !current()->killed ? (s64)n : -EINTR;
}

void
aio_close(void *dev, void *state)
{
	struct blkdev *b = dev;
	struct blk_channel *ch = state;
	struct blk_io *io[MAX_IO];

	if (b->async)
		give(b, ch, io, b->async->collect(ch, io, MAX_IO, MAX_IO, false));
	kfree(ch);
}
