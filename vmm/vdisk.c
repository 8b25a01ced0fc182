/*
 * A VM's paravirtual disk: a file of the host's. The VMM copies, and no device does DMA for the
 * guest: what cooperation is measured against.
 */
#include "kernel/fs.h"
#include "kernel/kalloc.h"
#include "vmm/vm.h"

const char *
vdisk_open(struct vm *vm, const char *path)
{
	struct stat st;

	if (fs_lookup(path, &vm->disk))
		return "no such disk file";
	if (inode_stat(vm->disk, &st) || st.type != T_FILE || st.size < HC_BLOCK) {
		inode_put(vm->disk);
		return "the disk is no file, or shorter than a block of 4096 bytes";
	}
	vm->disk_blocks = st.size / HC_BLOCK;
	return NULL;
}

/* One block, from or to a page of ours. False if the host's disk fails or the file has shrunk. */
static bool
move_block(struct inode *ip, bool write, u64 block, void *page)
{
	u64 at = block * HC_BLOCK;

	return (write ? inode_write_all(ip, page, at, HC_BLOCK, false)
		      : inode_read(ip, page, at, HC_BLOCK, false)) == HC_BLOCK;
}

/* Takes vm->lock for each block that it copies; between two it sees that the VM is to end. */
s64
vdisk_call(struct vm *vm, const u64 a[4])
{
	bool write = a[0] == HC_DISK_WRITE, there;
	s64 ret = a[3];
	void *page;

	if (!vm->disk_blocks)
		return -HC_ENODEV;
	if (a[0] == HC_DISK_SIZE && !(a[1] | a[2] | a[3]))
		return vm->disk_blocks;
	if (a[0] == HC_DISK_FLUSH && !(a[1] | a[2] | a[3]))
		return log_sync() ? -HC_EIO : 0;
	if ((a[0] != HC_DISK_READ && !write) || !a[3] || a[3] > HC_MAX_BLOCKS ||
		a[1] >= vm->disk_blocks || a[3] > vm->disk_blocks - a[1])
		return -HC_EINVAL;
	if (!(page = page_alloc(FRAME_KERNEL)))
		return -HC_ENOMEM;
	for (u64 i = 0; i < a[3] && ret > 0; i++) {
		gpa_t gpa = {a[2] + i * HC_BLOCK};

		if (READ_ONCE(vm->stop) || (!write && !move_block(vm->disk, false, a[1] + i, page)))
			ret = -HC_EIO;
		spin_lock(&vm->lock);
		there = write ? vm_read(vm, gpa, page, HC_BLOCK)
			      : ret > 0 && vm_write(vm, gpa, page, HC_BLOCK);
		spin_unlock(&vm->lock);
		if (ret > 0 && !there)
			ret = -HC_EACCES;
		else if (ret > 0 && write && !move_block(vm->disk, true, a[1] + i, page))
			ret = -HC_EIO;
	}
	page_free(page, FRAME_KERNEL);
	return ret;
}
