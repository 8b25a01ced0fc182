/*
 * A VM's paravirtual disk: a file of the host's, or one of its disks. The VMM copies, and no device
 * does DMA for the guest: what cooperation is measured against.
 */
#include "kernel/blk.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"
#include "vmm/vm.h"

const char *
vdisk_open(struct vm *vm, const char *path)
{
	struct blkdev *b;
	struct stat st;

	for (unsigned i = 0; strncmp(path, "/dev/", 5) == 0 && (b = blk_disk(i)); i++) {
		if (strcmp(b->name, path + 5) != 0)
			continue;
		if (b->mounts)
			return "the host, or another VM, uses that disk";
		b->mounts++;
		vm->disk = b;
		vm->disk_blocks = b->nblocks * b->block_size / HC_BLOCK;
		return NULL;
	}
	if (fs_lookup(path, &vm->disk_file))
		return "no such disk file";
	if (inode_stat(vm->disk_file, &st) || st.type != T_FILE || st.size < HC_BLOCK) {
		inode_put(vm->disk_file);
		return "the disk file is no file, or shorter than a block of 4096 bytes";
	}
	vm->disk_blocks = st.size / HC_BLOCK;
	return NULL;
}

void
vdisk_close(struct vm *vm)
{
	if (vm->disk)
		vm->disk->mounts--;
	else if (vm->disk_file)
		inode_put(vm->disk_file);
}

/* One block, from or to a page of ours. False if the host's disk fails or the file has shrunk. */
static bool
move_block(struct vm *vm, bool write, u64 block, void *page)
{
	struct inode *ip = vm->disk_file;
	u64 at = block * HC_BLOCK;
	s64 n = -EIO;

	if (vm->disk)
		return blk_rw(vm->disk, write, at, page, HC_BLOCK) == 0;
	if (!write)
		return inode_read(ip, page, at, HC_BLOCK, false) == HC_BLOCK;
	if (log_begin())
		return false;
	if (inode_lock(ip) == 0) {
		n = inode_write(ip, page, at, HC_BLOCK, false);
		inode_unlock(ip);
	}
	log_end();
	return n == HC_BLOCK;
}

/*
 * The handler sleeps, so it runs without vm->lock, which it takes for each block that it copies;
 * and between two of them it sees that the VM is to end.
 */
s64
vdisk_call(struct vm *vm, const u64 a[4])
{
	bool write = a[0] == HC_DISK_WRITE;
	u64 done = 0;
	s64 err = 0;
	void *page;

	if (!vm->disk_blocks)
		return -HC_ENODEV;
	if ((a[0] == HC_DISK_SIZE || a[0] == HC_DISK_FLUSH) && !(a[1] | a[2] | a[3])) {
		if (a[0] == HC_DISK_SIZE)
			return vm->disk_blocks;
		return (vm->disk ? blk_flush(vm->disk) : log_sync()) ? -HC_EIO : 0;
	}
	if ((a[0] != HC_DISK_READ && !write) || !a[3] || a[3] > HC_MAX_BLOCKS ||
		a[1] >= vm->disk_blocks || a[3] > vm->disk_blocks - a[1])
		return -HC_EINVAL;
	if (!(page = page_alloc(FRAME_KERNEL)))
		return -HC_ENOMEM;
	while (done < a[3] && !err) {
		gpa_t gpa = {a[2] + done * HC_BLOCK};

		if (READ_ONCE(vm->stop) || (!write && !move_block(vm, false, a[1] + done, page)))
			err = -HC_EIO;
		spin_lock(&vm->lock);
		if (!err && !(write ? vm_read(vm, gpa, page, HC_BLOCK)
				    : vm_write(vm, gpa, page, HC_BLOCK)))
			err = -HC_EACCES;
		spin_unlock(&vm->lock);
		if (!err && write && !move_block(vm, true, a[1] + done, page))
			err = -HC_EIO;
		done += !err;
	}
	page_free(page, FRAME_KERNEL);
	return done ? (s64)done : err;
}
