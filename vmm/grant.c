/*
 * Grants: the VMM's half of cooperative DMA. A map call is checked against policy, quota and
 * ownership; its pages are pinned and entered in the device's domain. The order on the way out
 * is the point of it all:
 *
 *     remove the entry  ->  sync, and wait  ->  drop the pin
 *
 * A frame whose pin is gone may be freed or moved at once, so no device may still reach it.
 */
#include "vmm/grant.h"
#include "kernel/kalloc.h"
#include "vmm/assign.h"

#define TABLES_MIN    64 /* table pages that every domain may have */
#define REVOKE_ROUNDS 16 /* of GRANT_PAGES each, before the lock is given up */

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
	/* LAB 10: step 1: policy; attached; all in the guest's memory (len may be anything: mind
	 * overflow); quota. In this order. */
	if (!d->permit)
		return -HC_EPERM;
	if (!d->guest_attached)
		return -HC_ENOENT;
	if (gpa.v >= d->vm->mem || len > d->vm->mem - gpa.v)
		return -HC_EACCES;
	if (d->pinned + npages > d->quota)
		return -HC_EDQUOT;
	/* LAB 10 ELSE
	LAB 10 END */
	/* A guest must not make us allocate without end: tables are kept when they are empty. */
	if (READ_ONCE(d->dom->pt.tables) > TABLES_MIN + d->vm->mem / pt_level_size(1) * 4)
		return -HC_EDQUOT;
	return 0;
}

/* Drops the pins of n frames. By now no device may reach them. */
static void
unpin(struct assigned *d, const hpa_t frame[], unsigned n)
{
	/* The classic bug would be to come here before the IOTLB is clean. */
	if (!iommu_is_clean(d->dom))
		panic("%s: a pin is dropped before the invalidation has ended", d->pci->dev.name);
	for (unsigned i = 0; i < n; i++)
		frame_unpin(frame[i].v);
	d->pinned -= n;
}

/* Pins and maps; npages is not 0. */
static s64
do_map(struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, u64 perm)
{
	int err = check(d, iova, gpa, npages, perm);

	if (err)
		return err;
	/* LAB 10: step 3: GRANT_PAGES at most. Their frames; a pin for each, d->pinned; their
	 * entries (iommu_map_pages(), the first one marked PT_FIRST). What fails leaves nothing
	 * behind. */
	hpa_t frame[GRANT_PAGES];
	unsigned n = MIN(npages, GRANT_PAGES), pinned = 0, found;
	u32 page;

	while ((found = pt_lookup_pages(&d->vm->npt, gpa.v, &frame[0].v, n)) != n && !err)
		if (!vm_touch(d->vm, (gpa_t){gpa.v + found * PAGE_SIZE}))
			err = -HC_ENOMEM;
	/* Pinned before the device can reach them. */
	for (; pinned < n && !err; pinned++) {
		if (frame_vm(frame[pinned].v, &page) != d->vm->id)
			err = -HC_EACCES;
		else
			frame_pin(frame[pinned].v);
	}
	pinned -= err && pinned; /* the last was refused */
	d->pinned += pinned;
	if (!err)
		err = iommu_map_pages(d->dom, iova, &frame[0].v, n, perm | PT_FIRST);
	if (!err)
		return n;
	grant_sync(d); /* nothing was left mapped; but what was unmapped before counts as well */
	unpin(d, frame, pinned);
	return err;
	/* LAB 10 ELSE
	return -HC_ENOSYS;
	LAB 10 END */
}

s64
grant_map(struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, u64 perm)
{
	return d->dom->fixed ? -HC_EINVAL : do_map(d, iova, gpa, npages, perm);
}

s64
grant_place(struct assigned *d, gpa_t gpa, u64 npages, u64 perm)
{
	hpa_t frame[GRANT_PAGES] = {{0}};
	u64 n = 1, got;
	s64 done = check(d, (iova_t){0}, gpa, npages, perm);

	if (!d->dom->fixed)
		return -HC_EINVAL;
	if (done)
		return done;
	if (!vm_touch(d->vm, gpa))
		return -HC_ENOMEM;
	got = pt_lookup_pages(&d->vm->npt, gpa.v, &frame[0].v, MIN(npages, GRANT_PAGES));
	while (n < got && frame[n].v == frame[0].v + n * PAGE_SIZE)
		n++;
	done = do_map(d, (iova_t){frame[0].v}, gpa, n, perm);
	return done < 0 ? done : (s64)frame[0].v + done;
}

/* Takes entries out; their frames then wait, pinned, for a sync. */
static void
remove_pages(struct assigned *d, iova_t iova, const hpa_t frame[], unsigned n)
{
	int err;

	/* LAB 12: step 6: a guest may leave much unsynced. */
	if (d->nunsynced + n > NELEM(d->unsynced))
		grant_sync(d);
	err = iommu_unmap(d->dom, iova, n, false); /* leaves of 4 KiB: nothing that could fail */
	ASSERT(!err);
	for (unsigned i = 0; i < n; i++)
		d->unsynced[d->nunsynced++].v = frame[i].v & ~PAGE_MASK;
	/* LAB 12 ELSE
	for (unsigned i = 0; i < n; i++) {
		if (d->nunsynced == NELEM(d->unsynced))
			grant_sync(d);
		d->unsynced[d->nunsynced++].v = frame[i].v & ~PAGE_MASK;
	}
	err = iommu_unmap(d->dom, iova, n, false);
	ASSERT(!err);
	LAB 12 END */
}

/*
 * How many of the n pages from iova on may go at once: whole grants only, since half of one has no
 * name. frame[] gets their frames. 0: nothing is mapped there; -HC_EINVAL: within a grant.
 */
static int
whole_grants(struct assigned *d, iova_t iova, unsigned n, hpa_t frame[GRANT_PAGES + 1])
{
	unsigned got = pt_lookup_pages(&d->dom->pt, iova.v, &frame[0].v, n + 1);

	if (got > n && !(frame[n].v & 1)) /* the last sticks out: leave it */
		while (--n > 0 && !(frame[n].v & 1))
			;
	if (got && (!n || !(frame[0].v & 1)))
		return -HC_EINVAL;
	return MIN(got, n);
}

s64
grant_unmap(struct assigned *d, iova_t iova, u64 npages, bool sync)
{
	hpa_t frame[GRANT_PAGES + 1];
	u64 done = 0;
	int n = 0;

	if (!npages || npages > HC_MAX_PAGES || (iova.v & PAGE_MASK) || iova.v >> HC_IOVA_BITS)
		return -HC_EINVAL;
	while (done < npages) {
		iova_t at = {iova.v + done * PAGE_SIZE};

		if ((n = whole_grants(d, at, MIN(npages - done, GRANT_PAGES), frame)) <= 0)
			break;
		remove_pages(d, at, frame, n);
		done += n;
	}
	if (sync)
		grant_sync(d);
	return done ? (s64)done : n ? n : -HC_ENOENT;
}

void
grant_sync(struct assigned *d)
{
	/* LAB 10: step 2: in the right order. */
	iommu_sync(d->dom);
	unpin(d, d->unsynced, d->nunsynced);
	d->nunsynced = 0;
	/* LAB 10 ELSE
	unpin(d, d->unsynced, 0);
	LAB 10 END */
}

bool
grant_revoke(struct assigned *d, iova_t *at)
{
	/* LAB 10: step 2: as grant.h says: REVOKE_ROUNDS times, up to GRANT_PAGES at once. */
	hpa_t frame[GRANT_PAGES];
	unsigned rounds = 0;
	bool more;

	while ((more = pt_next(&d->dom->pt, &at->v)) && rounds++ < REVOKE_ROUNDS)
		remove_pages(d, *at, frame,
			pt_lookup_pages(&d->dom->pt, at->v, &frame[0].v, GRANT_PAGES));
	grant_sync(d);
	return more;
	/* LAB 10 ELSE
	return false;
	LAB 10 END */
}

bool
grant_next(struct assigned *d, iova_t from, struct grant_page *p)
{
	u32 page = 0;

	if (!pt_next(&d->dom->pt, &from.v) || !pt_lookup(&d->dom->pt, from.v, &p->hpa.v, &p->perm))
		return false;
	frame_vm(p->hpa.v, &page);
	p->iova = from;
	p->gpa.v = (u64)page * PAGE_SIZE;
	return true;
}
