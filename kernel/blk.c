#include "kernel/blk.h"
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"

static struct list disks = LIST_INIT(disks);

struct blkdev *
blk_disk(unsigned i)
{
	list_for_each (it, &disks)
		if (i-- == 0)
			return list_entry(it, struct blkdev, link);
	return NULL;
}

int
blk_rw(struct blkdev *b, bool write, u64 pos, void *buf, size_t n)
{
	struct sg sg = {buf, n};

	return b->rw(b, write, pos, &sg, 1);
}

int
blk_flush(struct blkdev *b)
{
	return b->flush ? b->flush(b) : 0;
}

#define RAW_PAGES 16 /* of one request through /dev */

/* Moves [skip, skip+n) of the pages to or from user memory. */
static int
copy_pages(struct sg *sg, size_t skip, u64 user, size_t n, bool to_user)
{
	for (size_t done = 0; done < n;) {
		size_t at = skip + done, k = MIN(n - done, PAGE_SIZE - at % PAGE_SIZE);
		char *p = (char *)sg[at / PAGE_SIZE].va + at % PAGE_SIZE;

		if (to_user ? copy_out(user + done, p, k) : copy_in(p, user + done, k))
			return -EFAULT;
		done += k;
	}
	return 0;
}

/*
 * One request's worth; returns the bytes moved, 0 at the end of the device. It goes through pages
 * of the kernel's, each allocated by itself: what the driver gets is a true scatter-gather list.
 */
static s64
raw_chunk(struct blkdev *b, bool write, u64 user_buf, size_t n, u64 pos)
{
	struct sg sg[RAW_PAGES];
	u64 end = b->nblocks * b->block_size, start = ROUND_DOWN(pos, (u64)b->block_size), stop;
	unsigned pages = 0;
	int err = 0;

	if (pos >= end)
		return 0;
	n = MIN(n, end - pos);
	stop = MIN(ROUND_UP(pos + n, (u64)b->block_size),
		start + MIN((size_t)RAW_PAGES * PAGE_SIZE, b->max_bytes));
	n = MIN(n, stop - pos);
	if (write && (start != pos || stop != pos + n))
		return -EINVAL; /* whole blocks only: we do not read, change and write back */
	for (u64 at = start; at < stop && !err; at += PAGE_SIZE) {
		sg[pages] = (struct sg){page_alloc(FRAME_CACHE), MIN(stop - at, PAGE_SIZE)};
		err = sg[pages++].va ? 0 : -ENOMEM;
	}
	if (!err && write)
		err = copy_pages(sg, 0, user_buf, n, false);
	if (!err)
		err = b->rw(b, write, start, sg, pages);
	if (!err && !write)
		err = copy_pages(sg, pos - start, user_buf, n, true);
	while (pages--)
		if (sg[pages].va)
			page_free(sg[pages].va, FRAME_CACHE);
	return err ? err : (s64)n;
}

static s64
raw_rw(struct blkdev *b, bool write, u64 user_buf, size_t n, u64 pos)
{
	size_t done = 0;

	while (done < n) {
		s64 k = raw_chunk(b, write, user_buf + done, n - done, pos + done);
		if (k < 0)
			return done ? (s64)done : k;
		if (k == 0)
			break;
		done += k;
	}
	if (write && n && !done)
		return -ENOSPC;
	return done;
}

static s64
raw_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	return raw_rw(dev, false, user_buf, n, pos);
}

static s64
raw_write(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	if (((struct blkdev *)dev)->mounts)
		return -EBUSY;
	return raw_rw(dev, true, user_buf, n, pos);
}

static u64
raw_size(void *dev)
{
	struct blkdev *b = dev;

	return b->nblocks * b->block_size;
}

static const struct devops raw_ops = {.open = aio_open,
	.close = aio_close,
	.read = raw_read,
	.write = raw_write,
	.size = raw_size,
	.submit = aio_submit,
	.collect = aio_collect};

int
blk_add(struct blkdev *b)
{
	char path[24];
	int err;

	snprintf(path, sizeof(path), "/dev/%s", b->name);
	if ((err = dev_add(path, &raw_ops, b)))
		return err;
	list_add_tail(&disks, &b->link);
	return 0;
}

int
blk_remove(struct blkdev *b)
{
	char path[24];
	int err;

	snprintf(path, sizeof(path), "/dev/%s", b->name);
	if (b->mounts)
		return -EBUSY;
	if ((err = dev_remove(path)))
		return err;
	list_remove(&b->link);
	return 0;
}

/* The boot module as a disk. It lies in RAM that the frame allocator left alone. */
static int
module_rw(struct blkdev *b, bool write, u64 pos, const struct sg *sg, unsigned n)
{
	char *at = (char *)b->driver + pos;

	if (pos + b->block_size > b->nblocks * b->block_size)
		return -EIO;
	for (; n; n--, sg++) {
		if (write)
			memcpy(at, sg->va, sg->len);
		else
			memcpy(sg->va, at, sg->len);
		at += sg->len;
	}
	return 0;
}

void
blk_init(void)
{
	static struct blkdev disk = {
		.name = "module", .block_size = 512, .rw = module_rw, .max_bytes = 1 << 20};

	if (bootinfo.module.len >= 512) {
		disk.driver = phys_to_virt(bootinfo.module.base);
		disk.nblocks = bootinfo.module.len / 512;
		blk_add(&disk);
	}
}
