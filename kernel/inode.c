/* Inodes: a file's blocks, and what is free on the disk. */
#include "kernel/devfs.h"
#include "kernel/fs.h"

#define NINODES        128
#define BITS_PER_BLOCK (BLOCK_SIZE * 8)
/*
 * Data blocks written in one operation. With 3 tables, a block of the bitmap for each of these,
 * and the inode they make 19.
 */
#define BLOCKS_AT_ONCE 6

static struct inode inodes[NINODES];
static struct spinlock lock = SPINLOCK_INIT("inodes"); /* over refs and ino */
static u32 last_block, last_ino = ROOT_INO; /* given out: what follows is probably free */

struct inode *
inode_get(u32 ino)
{
	struct inode *ip = &inodes[ino % NINODES], *i = inodes; /* there it is, if it can be */

	spin_lock(&lock);
	if (ip->ino != ino) {
		ip = ip->refs ? NULL : ip;
		for (; i < inodes + NINODES && i->ino != ino; i++)
			if (!i->refs && !ip)
				ip = i;
		if (i < inodes + NINODES) {
			ip = i;
		} else if (ip) {
			ip->ino = ino;
			ip->loaded = false;
			mutex_init(&ip->lock, "inode");
		}
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

/* What is wrong with an inode that is in use; NULL if nothing is. */
static const char *
dinode_wrong(const struct dinode *d)
{
	u64 most = d->type == T_DIR ? fs_super.nblocks : MAX_BLOCKS;

	return d->type == T_FREE                              ? "is free and has a name"
	       : d->type > T_FILE                             ? "has no type of ours"
	       : d->size > MIN(most, MAX_BLOCKS) * BLOCK_SIZE ? "has a size that is too large"
	       : d->type == T_DIR && d->size % sizeof(struct dirent) ? "holds half an entry"
								     : NULL;
}

/* Reads a locked inode from the disk; after an error it is unlocked. */
static NOINLINE int
load(struct inode *ip)
{
	const char *wrong;
	struct dinode *d;
	struct buf *b;
	int err = read_dinode(ip->ino, &b, &d);

	if (!err) {
		ip->d = *d;
		bio_release(b);
		wrong = dinode_wrong(&ip->d);
		ip->loaded = !wrong;
		err = wrong ? fs_damaged("inode %u %s", ip->ino, wrong) : 0;
	}
	if (err)
		mutex_unlock(&ip->lock);
	return err;
}

int
inode_lock(struct inode *ip)
{
	mutex_lock(&ip->lock);
	return ip->loaded ? 0 : load(ip);
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

	if (!err) {
		*d = ip->d;
		log_write(b);
	}
	return err;
}

/* Marks a free block as used and fills it with zeros. -ENOSPC. */
static int
block_alloc(u32 *block)
{
	u32 maps = DIV_UP(fs_super.nblocks, BITS_PER_BLOCK), first = last_block;
	struct buf *b;
	int err;

	/* Once around, and the part of the first map that lies before. */
	for (u32 i = 0; i <= maps; i++) {
		u32 map = (first / BITS_PER_BLOCK + i) % maps;

		if ((err = bio_read(fs_disk, fs_super.bitmapstart + map, &b)))
			return err;
		u64 *word = (u64 *)b->data;
		u32 w = i ? 0 : first % BITS_PER_BLOCK / 64;
		while (w < BITS_PER_BLOCK / 64 && word[w] == ~0UL)
			w++;
		u32 n = w == BITS_PER_BLOCK / 64
				? fs_super.nblocks
				: map * BITS_PER_BLOCK + w * 64 + __builtin_ctzl(~word[w]);
		if (n >= fs_super.nblocks || n < fs_super.datastart) {
			bio_release(b);
			if (n >= fs_super.nblocks)
				continue;
			return fs_damaged("bitmap: block %u is not of the data and marked free", n);
		}
		word[w] |= BIT(n % 64);
		log_write(b);
		if ((err = bio_zero(fs_disk, n, &b)))
			return err;
		log_write(b);
		*block = last_block = n;
		return 0;
	}
	return -ENOSPC;
}

/* -EIO, and a line, unless it is a block that a file may have. */
static int
check_block(struct inode *ip, u32 block)
{
	return block >= fs_super.datastart && block < fs_super.nblocks
		       ? 0
		       : fs_damaged("inode %u: block %u is out of range", ip->ino, block);
}

/*
 * The block number in *slot, allocated first if it is 0 and `make` says so; 1 if the slot has
 * changed. 0 stays 0 otherwise: a hole.
 */
static int
slot_block(struct inode *ip, u32 *slot, bool make)
{
	int err;

	if (*slot)
		return check_block(ip, *slot);
	return !make ? 0 : (err = block_alloc(slot)) ? err : 1;
}

/* The i-th entry of an indirect block. Inode locked: nobody else allocates it. */
static int
indirect(struct inode *ip, u32 table, u32 i, bool make, u32 *out)
{
	struct buf *b;
	int err, changed;

	*out = 0;
	if (!table)
		return 0;
	if ((err = bio_read(fs_disk, table, &b)))
		return err;
	*out = ((u32 *)b->data)[i];
	bio_release(b);
	if ((changed = slot_block(ip, out, make)) <= 0)
		return changed;
	if (*out == table)
		return fs_damaged("bitmap: block %u is in use and marked free", table);
	if ((err = bio_read(fs_disk, table, &b)))
		return err;
	((u32 *)b->data)[i] = *out;
	log_write(b);
	return 0;
}

/* The disk block of the file's n-th block; 0 is a hole. Inode locked. */
static int
block_of(struct inode *ip, u64 n, bool make, u32 *out)
{
	u32 *slot = n < NDIRECT               ? &ip->d.addr[n]
		    : n < NDIRECT + NINDIRECT ? &ip->d.addr[NDIRECT]
					      : &ip->d.addr[NDIRECT + 1];
	int err = slot_block(ip, slot, make);

	if (err > 0)
		err = inode_update(ip);
	*out = *slot;
	if (err || n < NDIRECT)
		return err;
	n -= NDIRECT;
	if (n < NINDIRECT)
		return indirect(ip, *slot, n, make, out);
	n -= NINDIRECT;
	err = indirect(ip, *slot, n / NINDIRECT, make, out);
	return err ? err : indirect(ip, *out, n % NINDIRECT, make, out);
}

int
inode_block(struct inode *ip, u64 n, struct buf **b)
{
	u32 block;
	int err = block_of(ip, n, false, &block);

	*b = NULL;
	return err || !block ? err : bio_read(fs_disk, block, b);
}

s64
inode_read(struct inode *ip, void *dst, u64 offset, size_t n, bool user)
{
	static const u8 zeros[BLOCK_SIZE];
	size_t done = 0;
	int err = inode_lock(ip);

	if (err)
		return err;
	n = offset < ip->d.size ? MIN(n, ip->d.size - offset) : 0;
	while (done < n && !err) {
		u64 at = offset + done;
		size_t k = MIN(n - done, BLOCK_SIZE - at % BLOCK_SIZE);
		struct buf *b;

		if ((err = inode_block(ip, at / BLOCK_SIZE, &b)))
			break;
		const u8 *from = b ? b->data + at % BLOCK_SIZE : zeros;
		if (user)
			err = copy_out((u64)dst + done, from, k);
		else
			memcpy((char *)dst + done, from, k);
		if (b)
			bio_release(b);
		done += err ? 0 : k;
	}
	inode_unlock(ip);
	return done ? (s64)done : err;
}

/*
 * Writes within one block, from memory of the kernel's or of the current process's. An error may
 * leave blocks behind the file's end: zeros, found again when it grows, and freed with the rest.
 */
static int
write_block(struct inode *ip, const void *src, u64 at, size_t n, bool user)
{
	struct buf *b;
	u32 block;
	int err = block_of(ip, at / BLOCK_SIZE, true, &block);

	if (err || (err = bio_read(fs_disk, block, &b)))
		return err;
	u8 *to = b->data + at % BLOCK_SIZE;
	if (!user)
		memcpy(to, src, n);
	else if ((err = copy_in(to, (u64)src, n)) && at >= ip->d.size)
		memset(to, 0, n); /* a part may have come */
	log_write(b);
	return err;
}

s64
inode_write(struct inode *ip, const void *src, u64 offset, size_t n, bool user)
{
	size_t done = 0;
	int err = 0, failed;

	n = MIN(n, BLOCKS_AT_ONCE * BLOCK_SIZE - offset % BLOCK_SIZE);
	if (offset + n > MAX_BLOCKS * (u64)BLOCK_SIZE)
		return -EFBIG;
	while (done < n && !err) {
		size_t k = MIN(n - done, BLOCK_SIZE - (offset + done) % BLOCK_SIZE);

		if (!(err = write_block(ip, (const char *)src + done, offset + done, k, user)))
			done += k;
	}
	if (done && offset + done > ip->d.size) {
		ip->d.size = offset + done;
		if ((failed = inode_update(ip)))
			return failed;
	}
	return done ? (s64)done : err;
}

s64
inode_write_all(struct inode *ip, const void *src, u64 offset, size_t n, bool user)
{
	size_t done = 0;
	s64 put = 0;

	while (done < n) {
		if ((put = log_begin()))
			break;
		if (!(put = inode_lock(ip))) {
			put = inode_write(
				ip, (const char *)src + done, offset + done, n - done, user);
			inode_unlock(ip);
		}
		log_end();
		if (put <= 0)
			break;
		done += put;
	}
	return done ? (s64)done : put;
}

/*
 * Freeing. What an operation may change is limited, and a file's blocks may lie behind any number
 * of bitmap blocks; so a file that has no name is freed from its end, in as many operations as it
 * takes. Each clears the bits of some blocks and, in the same transaction, takes their numbers out
 * of the file. A crash between two leaves an inode with nlink 0 and fewer blocks, which the next
 * mount goes on with: no block is lost, and none is freed twice.
 */

/* What an operation may still free: the bitmap block it is at, and how many more may follow. */
struct room {
	u32 map;
	int left;
};

/* -EAGAIN: not in this operation. */
static int
block_free(struct inode *ip, u32 block, struct room *room)
{
	u32 map = block / BITS_PER_BLOCK;
	struct buf *b;
	int err = check_block(ip, block);

	if (!err && map != room->map) {
		err = room->left-- ? 0 : -EAGAIN;
		room->map = map;
	}
	if (err || (err = bio_read(fs_disk, fs_super.bitmapstart + map, &b)))
		return err;
	u64 *word = (u64 *)b->data + block % BITS_PER_BLOCK / 64;
	if (*word & BIT(block % 64)) {
		*word &= ~BIT(block % 64);
		log_write(b);
		return 0;
	}
	bio_release(b);
	return fs_damaged("inode %u: block %u is marked free already", ip->ino, block);
}

/* Frees the data blocks that a table names, from its end, and then the table. */
static int
free_table(struct inode *ip, u32 table, struct room *room)
{
	struct buf *b;
	int err = check_block(ip, table);

	if (err || (err = bio_read(fs_disk, table, &b)))
		return err;
	u32 *slot = (u32 *)b->data;
	for (u32 i = NINDIRECT; i-- > 0 && !err;)
		if (slot[i] && !(err = block_free(ip, slot[i], room)))
			slot[i] = 0;
	log_write(b);
	return err ? err : block_free(ip, table, room);
}

/* Frees the last table of a table of tables; if there is none, the table itself. */
static int
free_last_table(struct inode *ip, u32 top, struct room *room)
{
	u32 i = NINDIRECT, table;
	struct buf *b;
	int err = check_block(ip, top);

	if (err || (err = bio_read(fs_disk, top, &b)))
		return err;
	while (i > 0 && !((u32 *)b->data)[i - 1])
		i--;
	table = i ? ((u32 *)b->data)[i - 1] : 0;
	bio_release(b);
	if (!table)
		return block_free(ip, top, room);
	if ((err = free_table(ip, table, room)) || (err = bio_read(fs_disk, top, &b)))
		return err;
	((u32 *)b->data)[i - 1] = 0;
	log_write(b);
	return -EAGAIN;
}

/*
 * Frees as much of a file, from its end, as one operation may: -EAGAIN if there is more. Inode
 * locked, within an operation. Beside the bitmap it changes the inode and two tables at most.
 */
static int
free_tail(struct inode *ip)
{
	struct room room = {.map = ~0u, .left = LOG_OP_BLOCKS - 4};
	int err = 0, failed;

	for (u32 i = NDIRECT + 2; i-- > 0 && !err;) {
		u32 block = ip->d.addr[i];

		if (block)
			err = i > NDIRECT    ? free_last_table(ip, block, &room)
			      : i == NDIRECT ? free_table(ip, block, &room)
					     : block_free(ip, block, &room);
		if (!err)
			ip->d.addr[i] = 0;
	}
	if (!err)
		ip->d.size = 0;
	failed = inode_update(ip);
	return err ? err : failed;
}

/*
 * A large file's blocks are handed over, in one operation, to an inode without a name. That one
 * is then freed like any deleted file, while this one can be written again.
 */
static int
hand_over(struct inode *ip, struct inode **heir)
{
	int err = inode_alloc(T_FILE, heir);

	if (err || (err = inode_lock(*heir)))
		return err;
	memcpy((*heir)->d.addr, ip->d.addr, sizeof(ip->d.addr));
	(*heir)->d.size = ip->d.size;
	err = inode_update(*heir);
	inode_unlock(*heir);
	memset(ip->d.addr, 0, sizeof(ip->d.addr));
	ip->d.size = 0;
	return err ? err : inode_update(ip);
}

int
inode_truncate(struct inode *ip)
{
	struct inode *heir = NULL;
	int err = log_begin();

	if (err)
		return err;
	if (!(err = inode_lock(ip))) {
		if (ip->d.addr[NDIRECT] || ip->d.addr[NDIRECT + 1])
			err = hand_over(ip, &heir);
		else if (ip->d.size)
			err = free_tail(ip);
		inode_unlock(ip);
	}
	log_end();
	if (heir)
		inode_put(heir);
	return err;
}

/* Frees an inode without a name. Ours is the only reference, so nobody finds it meanwhile. */
static void
inode_free(struct inode *ip)
{
	int err;

	do {
		if (log_begin())
			return;
		if (!(err = inode_lock(ip))) {
			if (!(err = free_tail(ip))) {
				ip->d.type = T_FREE;
				inode_update(ip);
				ip->loaded = false;
			}
			inode_unlock(ip);
		}
		log_end();
	} while (err == -EAGAIN);
}

void
inode_put(struct inode *ip)
{
	bool last;

	spin_lock(&lock);
	last = ip->refs == 1 && ip->loaded && ip->d.nlink == 0;
	if (last) {
		spin_unlock(&lock);
		inode_free(ip);
		spin_lock(&lock);
	}
	ip->refs--;
	spin_unlock(&lock);
}

int
inode_alloc(u16 type, struct inode **out)
{
	u32 count = fs_super.ninodes - ROOT_INO - 1;
	struct dinode *d;
	struct buf *b;
	int err;

	*out = NULL;
	for (u32 i = 0; i < count; i++) {
		u32 ino = ROOT_INO + 1 + (last_ino - ROOT_INO + i) % count;

		if ((err = read_dinode(ino, &b, &d)))
			return err;
		bool free = d->type == T_FREE;
		if (free && (*out = inode_get(ino))) {
			*d = (struct dinode){.type = type};
			last_ino = ino;
			log_write(b);
			return 0;
		}
		bio_release(b);
		if (free)
			return -EMFILE;
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
		if (!orphan || !(ip = inode_get(ino)))
			continue;
		if (inode_lock(ip) == 0) {
			pr_info("fs: inode %u has no name: freed", ino);
			inode_unlock(ip);
		}
		inode_put(ip);
	}
}

int
inode_stat(struct inode *ip, struct stat *st)
{
	int err = inode_lock(ip);

	*st = (struct stat){.ino = ip->ino};
	if (err)
		return err;
	st->type = ip->d.type;
	st->nlink = ip->d.nlink;
	st->size = ip->d.size;
	inode_unlock(ip);
	return 0;
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
