/*
 * Grants: what map hypercalls leave behind. A grant has no record of its own. It is its entries in
 * the device's domain, the first of which is marked (PT_FIRST): the entry names the frame, and the
 * frame's record the VM, the guest's page (GPA) and the pins. So a map costs the same however many
 * there are, and the host allocates nothing for it but tables.
 *
 * All functions want vm->lock held, and do not sleep.
 */
#pragma once

#include "hal/addr.h"

#define GRANT_PAGES 64 /* a longer map is done in parts: the lock is held meanwhile */

struct assigned;

/*
 * The map, unmap and sync hypercalls: pages done, or a negative status of hypercall.h. Map may do
 * less than was asked for; it allocates tables where the domain has none yet.
 */
s64 grant_map(struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, u64 perm);
/* The place hypercall: for a device that nobody translates for. */
s64 grant_place(struct assigned *d, gpa_t gpa, u64 npages, u64 perm);
s64 grant_unmap(struct assigned *d, iova_t iova, u64 npages, bool sync);
void grant_sync(struct assigned *d);
/*
 * Takes back what is mapped from *at on, which moves on: so much that the lock is not held for
 * long. True if there is more. Does not allocate, cannot fail.
 */
bool grant_revoke(struct assigned *d, iova_t *at);

/* One page of a grant, for those who list them. */
struct grant_page {
	iova_t iova;
	gpa_t gpa;
	hpa_t hpa;
	unsigned perm; /* IOMMU_READ | IOMMU_WRITE */
};
/* The first at or after `from`; false if there is none. */
bool grant_next(struct assigned *d, iova_t from, struct grant_page *p);
