/* Grants: what map hypercalls leave behind. All functions want vm->lock held, and do not sleep. */
#ifndef VMM_GRANT_H
#define VMM_GRANT_H

#include "hal/addr.h"

#define GRANT_BUCKETS 256

/* A range of bus addresses, the guest's pages behind it, and what the device may do. All pinned. */
struct grant {
	struct grant *next; /* in its bucket, or on the list of those that wait for a sync */
	iova_t iova;
	gpa_t gpa;
	u32 npages;
	u8 perm; /* IOMMU_READ | IOMMU_WRITE */
};

struct assigned;

/*
 * The map, unmap and sync hypercalls: pages done, or a negative status of hypercall.h. Map may do
 * less than was asked for; it allocates a grant, and tables where the domain has none yet.
 */
s64 grant_map(struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, u64 perm);
s64 grant_unmap(struct assigned *d, iova_t iova, u64 npages, bool sync);
void grant_sync(struct assigned *d);
/* Takes everything back. Does not allocate, cannot fail. */
void grant_revoke(struct assigned *d);

#endif
