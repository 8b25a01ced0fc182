/* In a guest: the disk that its VMM reads and writes for it, block by block, as /dev/pv0. */
#include "hal/pv.h"
#include "lib/abi.h"
#include "kernel/blk.h"
#include "kernel/mem.h"

_Static_assert((int)HC_EIO == (int)EIO && (int)HC_EACCES == (int)EACCES, "statuses");

/* Each piece is whole blocks: nobody asks for less than a page of a disk with such blocks. */
static int
pvdisk_rw(struct blkdev *b, bool write, u64 pos, const struct sg *sg, unsigned n)
{
	for (; n; n--, pos += sg++->len) {
		s64 want = sg->len / HC_BLOCK, done = -EINVAL;

		if ((pos | sg->len) % HC_BLOCK == 0)
			done = pv_call(HC_disk, write ? HC_DISK_WRITE : HC_DISK_READ,
				pos / HC_BLOCK, virt_to_phys(sg->va), want, 0);
		if (done != want)
			return done < 0 ? done : -EIO;
	}
	return 0;
}

static int
pvdisk_flush(struct blkdev *b)
{
	return pv_call(HC_disk, HC_DISK_FLUSH, 0, 0, 0, 0);
}

static void
pvdisk_init(void)
{
	static struct blkdev disk = {.name = "pv0",
		.block_size = HC_BLOCK,
		.rw = pvdisk_rw,
		.flush = pvdisk_flush,
		.max_bytes = HC_MAX_BLOCKS * HC_BLOCK};
	s64 n = pv_present() ? pv_call(HC_disk, HC_DISK_SIZE, 0, 0, 0, 0) : 0;

	disk.nblocks = n;
	if (n > 0 && blk_add(&disk) == 0)
		pr_info("pv0: %ld blocks of %d bytes", n, HC_BLOCK);
}
INITCALL(INIT_BUS, pvdisk_init);
