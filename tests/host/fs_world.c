/*
 * The kernel's files in one piece, so that their static data can be reset between two mounts;
 * then what they need of the rest of the kernel.
 */
#include "tests/host/fs_world.h"

#define lock bio_lock
#include "kernel/bio.c"
#undef lock
#define log         fs_log
#define write_block log_write_block
#include "kernel/log.c"
#undef write_block
#include "kernel/inode.c"
#include "kernel/dir.c"
#include "kernel/fs.c"

#include <stdio.h>
#include <stdlib.h>

static u8 memory[WORLD_SIZE];
u8 *world_disk = memory;
u64 world_size = WORLD_SIZE;
char world_said[160];
long world_power = -1, world_writes;

asm(".section .rodata\n.globl world_mkfs\n.balign 4096\nworld_mkfs:\n.incbin \"" FS_IMAGE
    "\"\n.previous");

/* What a write since the last flush has replaced: it may not have happened. */
static struct undo {
	u32 block;
	u8 old[BLOCK_SIZE];
} undo[512];
static unsigned nundo;

static int
disk_rw(struct blkdev *b, bool write, u64 pos, const struct sg *sg, unsigned n)
{
	for (; n; pos += sg->len, sg++, n--) {
		ASSERT(sg->len == BLOCK_SIZE && pos % BLOCK_SIZE == 0);
		if (pos >= world_size)
			return -EIO;
		if (!write) {
			memcpy(sg->va, world_disk + pos, sg->len);
			continue;
		}
		if (world_power >= 0 && world_writes >= world_power)
			return -EIO;
		world_writes++;
		if (world_power >= 0) {
			ASSERT(nundo < NELEM(undo));
			undo[nundo].block = pos / BLOCK_SIZE;
			memcpy(undo[nundo++].old, world_disk + pos, BLOCK_SIZE);
		}
		memcpy(world_disk + pos, sg->va, sg->len);
	}
	return 0;
}

static int
disk_flush(struct blkdev *b)
{
	if (world_power >= 0 && world_writes >= world_power)
		return -EIO;
	nundo = 0;
	return 0;
}

static struct blkdev disk = {.name = "disk0",
	.block_size = 512,
	.rw = disk_rw,
	.flush = disk_flush,
	.max_bytes = 4 * BLOCK_SIZE};

struct blkdev *
blk_disk(unsigned i)
{
	return i == 0 ? &disk : NULL;
}

int
blk_rw(struct blkdev *b, bool write, u64 pos, void *buf, size_t n)
{
	return b->rw(b, write, pos, &(struct sg){buf, n}, 1);
}

int
blk_flush(struct blkdev *b)
{
	return b->flush(b);
}

int
world_mount(void)
{
	int err;

	memset(bufs, 0, sizeof(bufs));
	memset(bucket, 0, sizeof(bucket));
	memset(&log, 0, sizeof(log));
	memset(inodes, 0, sizeof(inodes));
	last_block = 0;
	last_ino = ROOT_INO;
	world_said[0] = 0;
	disk.nblocks = world_size / disk.block_size;
	nundo = 0;
	if (!(err = fs_mount_root()))
		current()->cwd = fs_root;
	return err;
}

bool
world_unmount(void)
{
	bool good = true;

	if (log.dev)
		log_sync();
	for (unsigned i = 0; i < NINODES; i++)
		good &= inodes[i].refs == (inodes[i].ino == ROOT_INO && fs_root == &inodes[i]) &&
			!inodes[i].lock.owner;
	for (unsigned i = 0; i < NBUF; i++) {
		good &= !bufs[i].refs && !bufs[i].busy && !bufs[i].logged;
		free(bufs[i].data);
	}
	good &= !log.running && !log.waiters && !log.syncing;
	while (nundo--)
		if (world_power >= 0 && world_writes >= world_power && rnd_below(2))
			memcpy(world_disk + (u64)undo[nundo].block * BLOCK_SIZE, undo[nundo].old,
				BLOCK_SIZE);
	nundo = 0;
	fs_root = NULL;
	return good;
}

/* The rest of the kernel. */

struct proc *
current(void)
{
	static struct proc self;

	return &self;
}

void
klog(int level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (level == LOG_ERR)
		vsnprintf(world_said, sizeof(world_said), fmt, ap);
	va_end(ap);
}

void
mutex_init(struct mutex *m, const char *name)
{
	m->owner = NULL;
}

void
mutex_lock(struct mutex *m)
{
	ASSERT(!m->owner);
	m->owner = current();
}

void
mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner);
	m->owner = NULL;
}

void
proc_sleep(void *chan, struct spinlock *lk)
{
	panic("sleeps for ever");
}

void
wakeup(void *chan)
{
}

void
sleep_ms(u64 ms)
{
	panic("sleeps");
}

struct proc *
kthread_start(const char *name, void (*fn)(void *), void *arg)
{
	return current();
}

void *
page_alloc(enum frame_owner owner)
{
	return memset(aligned_alloc(PAGE_SIZE, PAGE_SIZE), 0, PAGE_SIZE);
}

/* "User" memory below the first page is bad. */
int
copy_in(void *dst, u64 src, size_t n)
{
	return src < PAGE_SIZE ? -EFAULT : (memcpy(dst, (void *)src, n), 0);
}

int
copy_out(u64 dst, const void *src, size_t n)
{
	return dst < PAGE_SIZE ? -EFAULT : (memcpy((void *)dst, src, n), 0);
}

void
world_search_from(u32 block)
{
	last_block = block;
}

void
world_log_size(u32 blocks)
{
	log.size = blocks;
}

int
world_make_dir(const char *path)
{
	struct inode *ip;
	int err = fs_create(path, T_DIR, &ip);

	if (!err)
		inode_put(ip);
	return err;
}
