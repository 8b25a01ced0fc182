/*
 * Grants: the VMM's half of cooperative DMA. A map call is checked against policy, quota and
 * ownership; its pages are pinned and entered in the device's domain. The order on the way out
 * is the point of it all:
 *
 *     remove the entry  ->  sync, and wait  ->  drop the pin
 *
 * A frame whose pin is gone may be freed or moved at once, so no device may still reach it.
 */
#include "kernel/abi.h"
#include "kernel/kalloc.h"
#include "vmm/assign.h"

#define TABLES_MIN    64 /* table pages that every domain may have */
#define PAGES_AT_ONCE 64 /* a longer call is done in parts: the lock is held meanwhile */

static struct grant **
bucket(struct assigned *d, iova_t iova)
{
	u64 page = iova.v >> PAGE_SHIFT;

	return &d->grants[(page ^ page >> 8) % GRANT_BUCKETS];
}

/* Where the grant that begins at iova hangs; NULL if there is none. */
static struct grant **
find(struct assigned *d, iova_t iova)
{
	for (struct grant **g = bucket(d, iova); *g; g = &(*g)->next)
		if ((*g)->iova.v == iova.v)
			return g;
	return NULL;
}

/* The frame of page i of a grant. Pinned pages do not move, so it is the one that was pinned. */
static hpa_t
frame(struct assigned *d, const struct grant *g, u32 i)
{
	gpa_t gpa = {g->gpa.v + (u64)i * PAGE_SIZE};
	hpa_t hpa = {0};
	bool there = vm_hpa(d->vm, gpa, &hpa);

	ASSERT(there);
	return hpa;
}

/* Drops the pins of n pages of a grant. By now no device may reach them. */
static void
unpin(struct assigned *d, const struct grant *g, u32 n)
{
	/* The classic bug would be to come here before the IOTLB is clean. */
	if (!iommu_is_clean(d->dom))
		panic("%s: a pin is dropped before the invalidation has ended", d->pci->dev.name);
	for (u32 i = 0; i < n; i++)
		frame_unpin(frame(d, g, i).v);
	d->pinned -= n;
}

/* Whether the call may be made at all; 0 or a status. */
static int
check(const struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, u64 perm)
{
	u64 len = npages * PAGE_SIZE;

	if (!npages || npages > HC_MAX_PAGES || !perm || perm & ~(HC_READ | HC_WRITE) ||
		(iova.v | gpa.v) & PAGE_MASK)
		return -HC_EINVAL;
	if (iova.v >> HC_IOVA_BITS || (iova.v + len - 1) >> HC_IOVA_BITS ||
		(iova.v < MSI_END && iova.v + len > MSI_START))
		return -HC_EINVAL;
	if (!d->permit)
		return -HC_EPERM;
	if (!d->guest_attached)
		return -HC_ENOENT;
	if (gpa.v >= d->vm->mem || len > d->vm->mem - gpa.v)
		return -HC_EACCES;
	/*
	 * What a guest can make the host allocate has a limit: pins (and so grants), and tables,
	 * which are kept when they are empty.
	 */
	if (d->pinned + npages > d->quota)
		return -HC_EDQUOT;
	if (READ_ONCE(d->dom->pt.tables) > TABLES_MIN + d->vm->mem / pt_level_size(1) * 4)
		return -HC_EDQUOT;
	return 0;
}

s64
grant_map(struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, u64 perm)
{
	struct grant *g, **at;
	int err = check(d, iova, gpa, npages, perm);
	u32 done = 0;

	if (err)
		return err;
	if (!(g = kmalloc(sizeof(*g))))
		return -HC_ENOMEM;
	*g = (struct grant){
		.iova = iova, .gpa = gpa, .perm = perm, .npages = MIN(npages, PAGES_AT_ONCE)};
	for (; done < g->npages && !err; done++) {
		hpa_t hpa = frame(d, g, done);
		iova_t to = {iova.v + (u64)done * PAGE_SIZE};

		if (frame_vm(hpa.v) != d->vm->id) {
			err = -HC_EACCES;
			break;
		}
		/* Pinned before the device can reach it. */
		frame_pin(hpa.v);
		d->pinned++;
		if ((err = iommu_map(d->dom, to, hpa.v, 1, perm))) {
			frame_unpin(hpa.v);
			d->pinned--;
			break;
		}
	}
	if (err) {
		if (done) {
			int gone = iommu_unmap(d->dom, iova, done, true);
			ASSERT(!gone);
			unpin(d, g, done);
		}
		kfree(g);
		return err;
	}
	at = bucket(d, iova);
	g->next = *at;
	*at = g;
	return g->npages;
}

/* Frees the grants that wait for a sync; the IOTLB is clean. */
static void
release_unsynced(struct assigned *d)
{
	while (d->unsynced) {
		struct grant *g = d->unsynced;

		d->unsynced = g->next;
		unpin(d, g, g->npages);
		kfree(g);
	}
}

/* Takes a grant's entries out; it then waits, pinned, for a sync. */
static void
remove_grant(struct assigned *d, struct grant *g)
{
	/* Its own leaves of 4 KiB, each entered by grant_map(): there is nothing that could fail.
	 */
	int err = iommu_unmap(d->dom, g->iova, g->npages, false);

	ASSERT(!err);
	g->next = d->unsynced;
	d->unsynced = g;
}

s64
grant_unmap(struct assigned *d, iova_t iova, u64 npages, bool sync)
{
	u64 done = 0;
	int err = 0;

	if (!npages || npages > HC_MAX_PAGES || iova.v & PAGE_MASK)
		return -HC_EINVAL;
	while (done < npages && !err) {
		iova_t at = {iova.v + done * PAGE_SIZE};
		struct grant **link = find(d, at), *g = link ? *link : NULL;

		if (!g) {
			err = -HC_ENOENT;
		} else if (g->npages > npages - done) {
			err = -HC_EINVAL; /* only whole grants: half of one has no name */
		} else {
			*link = g->next;
			remove_grant(d, g);
			done += g->npages;
		}
	}
	if (sync)
		grant_sync(d);
	return done ? (s64)done : err;
}

void
grant_sync(struct assigned *d)
{
	iommu_sync(d->dom);
	release_unsynced(d);
}

void
grant_revoke(struct assigned *d)
{
	for (unsigned b = 0; b < GRANT_BUCKETS; b++) {
		while (d->grants[b]) {
			struct grant *g = d->grants[b];

			d->grants[b] = g->next;
			remove_grant(d, g);
		}
	}
	grant_sync(d);
}
