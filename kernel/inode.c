/* Inodes: a file's blocks, and what is free on the disk. */
#include "kernel/blk.h"
#include "kernel/devfs.h"
#include "kernel/log.h"

#define NINODES        128
#define BITS_PER_BLOCK (BLOCK_SIZE * 8)
#define BLOCKS_AT_ONCE                                                             \
	8 /* of data, in one operation: with bitmap and indirect blocks 20 at most \
	   */

static struct inode inodes[NINODES];
static struct spinlock lock = SPINLOCK_INIT("inodes"); /* over refs and ino */

struct inode *
inode_get(u32 ino)
{
	struct inode *ip, *empty = NULL;

	if (ino == 0 || ino >= fs_super.ninodes)
		return NULL;
	spin_lock(&lock);
	for (ip = inodes; ip < inodes + NINODES; ip++) {
		if (ip->refs && ip->ino == ino)
			break;
		if (!ip->refs && !empty)
			empty = ip;
	}
	if (ip == inodes + NINODES && (ip = empty)) {
		ip->ino = ino;
		ip->loaded = false;
		mutex_init(&ip->lock, "inode");
	}
	if (ip)
		ip->refs++;
	spin_unlock(&lock);
	return ip;
}

struct inode *
inode_ref(struct inode *ip)
{
	spin_lock(&lock);
	ip->refs++;
	spin_unlock(&lock);
	return ip;
}

/* The disk block that holds an inode, and where in it. */
static int
read_dinode(u32 ino, struct buf **b, struct dinode **d)
{
	int err = bio_read(fs_disk, fs_super.inodestart + ino / INODES_PER_BLOCK, b);

	if (!err)
		*d = (struct dinode *)(*b)->data + ino % INODES_PER_BLOCK;
	return err;
}

int
inode_lock(struct inode *ip)
{
	struct dinode *d;
	struct buf *b;
	int err = 0;

	mutex_lock(&ip->lock);
	if (ip->loaded)
		return 0;
	if (!(err = read_dinode(ip->ino, &b, &d))) {
		ip->d = *d;
		bio_release(b);
		if (ip->d.type == T_FREE || ip->d.type > T_FILE ||
			ip->d.size > MAX_BLOCKS * (u64)BLOCK_SIZE)
			err = -EIO;
	}
	if (err)
		mutex_unlock(&ip->lock);
	else
		ip->loaded = true;
	return err;
}

void
inode_unlock(struct inode *ip)
{
	mutex_unlock(&ip->lock);
}

int
inode_update(struct inode *ip)
{
	struct dinode *d;
	struct buf *b;
	int err = read_dinode(ip->ino, &b, &d);

	if (err)
		return err;
	*d = ip->d;
	log_write(b);
	bio_release(b);
	return 0;
}

/* Marks a free block as used and fills it with zeros. -ENOSPC. */
static int
block_alloc(u32 *block)
{
	static u32 hint; /* where the last one was found */
	u32 blocks = DIV_UP(fs_super.nblocks, BITS_PER_BLOCK);
	struct buf *b;
	int err;

	for (u32 i = 0; i < blocks; i++) {
		u32 map = (hint / BITS_PER_BLOCK + i) % blocks;

		if ((err = bio_read(fs_disk, fs_super.bitmapstart + map, &b)))
			return err;
		for (u32 bit = 0; bit < BITS_PER_BLOCK; bit++) {
			u32 n = map * BITS_PER_BLOCK + bit;

			if (b->data[bit / 8] == 0xff) {
				bit |= 7;
				continue;
			}
			if (n >= fs_super.nblocks || b->data[bit / 8] & 1 << bit % 8)
				continue;
			b->data[bit / 8] |= 1 << bit % 8;
			log_write(b);
			bio_release(b);
			hint = n;
			if ((err = bio_read(fs_disk, n, &b)))
				return err;
			memset(b->data, 0, BLOCK_SIZE);
			log_write(b);
			bio_release(b);
			*block = n;
			return 0;
		}
		bio_release(b);
	}
	return -ENOSPC;
}

static int
block_free(u32 block)
{
	struct buf *b;
	u32 bit = block % BITS_PER_BLOCK;
	int err;

	if (block < fs_super.datastart || block >= fs_super.nblocks) {
		pr_err("fs: block %u to be freed is none: the file system is damaged", block);
		return -EIO;
	}
	if ((err = bio_read(fs_disk, fs_super.bitmapstart + block / BITS_PER_BLOCK, &b)))
		return err;
	b->data[bit / 8] &= ~(1 << bit % 8);
	log_write(b);
	bio_release(b);
	return 0;
}

/*
 * The block number in *slot, allocated first if it is 0 and `make` says so; *changed tells whether
 * the slot was. 0 stays 0 otherwise: a hole.
 */
static int
slot_block(u32 *slot, bool make, bool *changed)
{
	int err = 0;

	*changed = false;
	if (!*slot && make && !(err = block_alloc(slot)))
		*changed = true;
	if (!err && *slot && (*slot < fs_super.datastart || *slot >= fs_super.nblocks))
		err = -EIO; /* damaged: never write to where something else lives */
	return err;
}

/* The i-th entry of an indirect block. */
static int
indirect(u32 table, u32 i, bool make, u32 *out)
{
	struct buf *b;
	bool changed;
	int err;

	*out = 0;
	if (!table)
		return 0;
	if ((err = bio_read(fs_disk, table, &b)))
		return err;
	u32 *slot = (u32 *)b->data + i, block = *slot;
	/* A block is allocated with the table locked: nobody allocates it twice. */
	if (!(err = slot_block(&block, make, &changed)) && changed) {
		*slot = block;
		log_write(b);
	}
	bio_release(b);
	*out = block;
	return err;
}

/* The disk block of the file's n-th block; 0 is a hole. Inode locked. */
static int
block_of(struct inode *ip, u64 n, bool make, u32 *out)
{
	u32 *slot = n < NDIRECT               ? &ip->d.addr[n]
		    : n < NDIRECT + NINDIRECT ? &ip->d.addr[NDIRECT]
					      : &ip->d.addr[NDIRECT + 1];
	bool changed;
	int err = slot_block(slot, make, &changed);

	if (!err && changed)
		err = inode_update(ip);
	*out = *slot;
	if (err || n < NDIRECT)
		return err;
	n -= NDIRECT;
	if (n < NINDIRECT)
		return indirect(*slot, n, make, out);
	n -= NINDIRECT;
	err = indirect(*slot, n / NINDIRECT, make, out);
	return err ? err : indirect(*out, n % NINDIRECT, make, out);
}

s64
inode_read_locked(struct inode *ip, void *dst, u64 offset, size_t n)
{
	size_t done = 0;
	int err = 0;

	n = offset < ip->d.size ? MIN(n, ip->d.size - offset) : 0;
	while (done < n && !err) {
		u64 at = offset + done;
		size_t k = MIN(n - done, BLOCK_SIZE - at % BLOCK_SIZE);
		struct buf *b;
		u32 block;

		if ((err = block_of(ip, at / BLOCK_SIZE, false, &block)))
			break;
		if (!block) {
			memset((char *)dst + done, 0, k);
		} else if (!(err = bio_read(fs_disk, block, &b))) {
			memcpy((char *)dst + done, b->data + at % BLOCK_SIZE, k);
			bio_release(b);
		}
		done += k;
	}
	return err ? err : (s64)done;
}

s64
inode_write_locked(struct inode *ip, const void *src, u64 offset, size_t n)
{
	size_t done = 0;
	int err = 0;

	if (offset + n > MAX_BLOCKS * (u64)BLOCK_SIZE)
		return -EFBIG;
	while (done < n) {
		u64 at = offset + done;
		size_t k = MIN(n - done, BLOCK_SIZE - at % BLOCK_SIZE);
		struct buf *b;
		u32 block;

		if ((err = block_of(ip, at / BLOCK_SIZE, true, &block)) ||
			(err = bio_read(fs_disk, block, &b)))
			break;
		memcpy(b->data + at % BLOCK_SIZE, (const char *)src + done, k);
		log_write(b);
		bio_release(b);
		done += k;
	}
	if (offset + done > ip->d.size) {
		ip->d.size = offset + done;
		int failed = inode_update(ip);
		err = err ? err : failed;
	}
	return done ? (s64)done : err;
}

s64
inode_read(struct inode *ip, void *dst, u64 offset, size_t n)
{
	s64 got = inode_lock(ip);

	if (got)
		return got;
	got = inode_read_locked(ip, dst, offset, n);
	inode_unlock(ip);
	return got;
}

s64
inode_write(struct inode *ip, const void *src, u64 offset, size_t n)
{
	size_t done = 0;
	s64 put = 0;

	while (done < n) {
		size_t room = BLOCKS_AT_ONCE * BLOCK_SIZE - (offset + done) % BLOCK_SIZE;

		log_begin();
		if (!(put = inode_lock(ip))) {
			put = inode_write_locked(
				ip, (const char *)src + done, offset + done, MIN(n - done, room));
			inode_unlock(ip);
		}
		log_end();
		if (put <= 0)
			break;
		done += put;
	}
	return done ? (s64)done : put;
}

/* Frees a table of block numbers and, `depth` levels down, what it names. */
static int
free_tree(u32 block, int depth)
{
	struct buf *b;
	int err = 0;

	if (!block)
		return 0;
	if (depth) {
		if (block >= fs_super.nblocks || (err = bio_read(fs_disk, block, &b)))
			return -EIO;
		for (u32 i = 0; i < NINDIRECT && !err; i++)
			err = free_tree(((u32 *)b->data)[i], depth - 1);
		bio_release(b);
	}
	return err ? err : block_free(block);
}

/* Frees all blocks. Inode locked, within an operation: only bitmap blocks and the inode change. */
static int
truncate(struct inode *ip)
{
	int err = 0;

	for (u32 i = 0; i < NDIRECT + 2 && !err; i++) {
		err = free_tree(ip->d.addr[i], i < NDIRECT ? 0 : i - NDIRECT + 1);
		ip->d.addr[i] = 0;
	}
	ip->d.size = 0;
	return err ? err : inode_update(ip);
}

int
inode_truncate(struct inode *ip)
{
	int err;

	log_begin();
	if (!(err = inode_lock(ip))) {
		err = truncate(ip);
		inode_unlock(ip);
	}
	log_end();
	return err;
}

void
inode_put(struct inode *ip)
{
	bool last;

	spin_lock(&lock);
	last = ip->refs == 1 && ip->loaded && ip->d.nlink == 0;
	if (!last)
		ip->refs--;
	spin_unlock(&lock);
	if (!last)
		return;
	/* No name and no other user: it goes. We hold the only reference, so nobody finds it. */
	log_begin();
	if (inode_lock(ip) == 0) {
		truncate(ip);
		ip->d.type = T_FREE;
		inode_update(ip);
		ip->loaded = false;
		inode_unlock(ip);
	}
	log_end();
	spin_lock(&lock);
	ip->refs--;
	spin_unlock(&lock);
}

int
inode_alloc(u16 type, struct inode **out)
{
	static u32 last = ROOT_INO; /* the next is probably free */
	u32 count = fs_super.ninodes - ROOT_INO - 1;
	struct dinode *d;
	struct buf *b;
	int err;

	for (u32 i = 0; i < count; i++) {
		u32 ino = ROOT_INO + 1 + (last - ROOT_INO + i) % count;

		if ((err = read_dinode(ino, &b, &d)))
			return err;
		if (d->type != T_FREE) {
			bio_release(b);
			continue;
		}
		*d = (struct dinode){.type = type};
		last = ino;
		log_write(b);
		bio_release(b);
		*out = inode_get(ino);
		return *out ? 0 : -EMFILE; /* an orphan then: freed at the next mount */
	}
	return -ENOSPC;
}

void
inode_free_orphans(void)
{
	for (u32 ino = ROOT_INO + 1; ino < fs_super.ninodes; ino++) {
		struct dinode *d;
		struct inode *ip;
		struct buf *b;

		if (read_dinode(ino, &b, &d))
			return;
		bool orphan = d->type != T_FREE && d->nlink == 0;
		bio_release(b);
		if (orphan && (ip = inode_get(ino)) && inode_lock(ip) == 0) {
			pr_info("fs: inode %u has no name: freed", ino);
			inode_unlock(ip);
			inode_put(ip);
		}
	}
}

void
inode_stat(struct inode *ip, struct stat *st)
{
	*st = (struct stat){.ino = ip->ino};
	if (inode_lock(ip))
		return;
	st->type = ip->d.type;
	st->nlink = ip->d.nlink;
	st->size = ip->d.size;
	inode_unlock(ip);
}

static void
show_inodes(struct text *t)
{
	spin_lock(&lock);
	for (struct inode *ip = inodes; ip < inodes + NINODES; ip++)
		if (ip->refs)
			text_printf(t, "%10u %10d\n", ip->ino, ip->refs);
	spin_unlock(&lock);
}
PROC_FILE("inodes", show_inodes);
