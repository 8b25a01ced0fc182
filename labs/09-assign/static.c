/*
 * All of a VM mapped for its device, at the guest's own addresses, from its assignment to its
 * release: so the guest need not know. `make build/static.elf` links the kernel with it: the
 * linker gives us the calls of assign_device() and grant_revoke() (see labs/labs.mk).
 */
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "vmm/assign.h"

int __real_assign_device(
	struct vm *vm, rid_t rid, bool permit, bool unsafe, u32 quota, u32 rate, const char **why);
int __wrap_assign_device(
	struct vm *vm, rid_t rid, bool permit, bool unsafe, u32 quota, u32 rate, const char **why);
bool __wrap_grant_revoke(struct assigned *d, iova_t *at);

/* Drops the pins of n frames, whose entries are gone. */
static void
drop_pins(struct assigned *d, const hpa_t frame[], unsigned n)
{
	if (!iommu_is_clean(d->dom))
		panic("%s: a pin is dropped before the invalidation has ended", d->pci->dev.name);
	for (unsigned i = 0; i < n; i++)
		frame_unpin(frame[i].v & ~PAGE_MASK);
	d->pinned -= n;
}

/*
 * Maps all memory of the VM: IOVA = GPA. A page that the device may reach must not move, and must
 * not be freed. -ENOMEM: some of it; static_unmap() takes that back. vm->lock held.
 */
static int
static_map(struct assigned *d)
{
	/* LAB 9: step 6: of each page the frame, a pin (counted in d->pinned), and its entry. */
	for (u64 at = 0; at < d->vm->mem; at += PAGE_SIZE) {
		hpa_t frame;
		int err;

		if (!vm_hpa(d->vm, (gpa_t){at}, &frame))
			return -ENOMEM;
		frame_pin(frame.v);
		d->pinned++;
		err = iommu_map_pages(
			d->dom, (iova_t){at}, &frame.v, 1, IOMMU_READ | IOMMU_WRITE | PT_FIRST);
		if (err) {
			drop_pins(d, &frame, 1);
			return err;
		}
	}
	return 0;
	/* LAB 9 ELSE
	return -ENOSYS;
	LAB 9 END */
}

/* Takes it all back: on return no device reaches any of it. vm->lock held. */
static void
static_unmap(struct assigned *d)
{
	/* LAB 9: step 7: what is mapped, in rounds; no frame is let go too early. */
	hpa_t frame[64];
	iova_t at = {0};

	while (pt_next(&d->dom->pt, &at.v)) {
		unsigned n = pt_lookup_pages(&d->dom->pt, at.v, &frame[0].v, NELEM(frame));

		iommu_unmap(d->dom, at, n, true);
		drop_pins(d, frame, n);
	}
	/* LAB 9 ELSE
	(void)drop_pins;
	LAB 9 END */
}

/* A device that nothing confines is as it was: there is nothing to map it with. */
int
__wrap_assign_device(
	struct vm *vm, rid_t rid, bool permit, bool unsafe, u32 quota, u32 rate, const char **why)
{
	int err = __real_assign_device(vm, rid, permit, unsafe, quota, rate, why);
	struct assigned *d = err ? NULL : assigned_find(vm, rid);

	if (!d || d->unsafe)
		return err;
	spin_lock(&vm->lock);
	err = static_map(d);
	spin_unlock(&vm->lock);
	if (err) {
		release_device(d);
		*why = "not all of the VM's memory can be mapped for it";
	}
	return err;
}

/* Deny, release and the VM's end come here, with a device that is quiet. */
bool
__wrap_grant_revoke(struct assigned *d, iova_t *at)
{
	static_unmap(d);
	return false;
}
