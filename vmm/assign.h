/*
 * A device that belongs to a VM: its domain, its grants and pins, its interrupts, and the
 * configuration space that the guest sees instead of the real one.
 */
#ifndef VMM_ASSIGN_H
#define VMM_ASSIGN_H

#include "drivers/pci.h"
#include "hal/iommu.h"
#include "kernel/lib.h"
#include "vmm/vm.h"

#define GRANT_BUCKETS 256
#define ASSIGNED_MESSAGES 32

/* What one map call left behind. Its pages are pinned. */
struct grant {
	struct grant *next; /* in its bucket, or on the list of those that wait for a sync */
	iova_t iova;
	gpa_t gpa;
	u32 npages;
	u8 perm; /* IOMMU_READ | IOMMU_WRITE */
};

struct assigned;
struct assigned_message {
	struct assigned *dev;
	bool bound;
	u8 vector; /* of the guest */
};

/* (l): vm->lock; else constant, or changed under control alone. */
struct assigned {
	struct list link;
	struct vm *vm;
	struct pci_dev *pci;
	rid_t rid; /* the guest sees the device where the host does */
	struct domain *dom;

	bool permit;                         /* (l) */
	bool attached;                       /* (l) the guest has asked for its domain */
	u32 quota;                           /* (l) most pages pinned at once; 0: no limit */
	u32 pinned;                          /* (l) */
	struct grant *grants[GRANT_BUCKETS]; /* (l) by IOVA */
	struct grant *unsynced;              /* (l) unmapped, perhaps still cached: still pinned */

	u16 command; /* (vCPU) as the guest wrote it */
	struct {
		u32 value; /* (vCPU) as the guest wrote it */
		u64 mask;  /* of the address bits that can be written; 0: no memory BAR */
		hpa_t hpa;
		u64 size;
		gpa_t mapped_at; /* (l) 0: not mapped */
	} bar[6];
	struct assigned_message message[ASSIGNED_MESSAGES];
	u8 fault_vector; /* (l) of the guest: a fault has come in; 0: it does not want to know */
};

/* The VM's device at rid; NULL. vm->lock or control held. */
struct assigned *assigned_find(struct vm *vm, rid_t rid);

/*
 * Gives a device of the host to a VM, or takes it back. On failure *why says what to do about it,
 * and nothing has changed.
 */
int assign_device(struct vm *vm, rid_t rid, bool permit, u32 quota, const char **why);
int release_device(struct assigned *d);

/* permit or deny, while the guest runs; deny revokes all grants. */
void assigned_set_policy(struct assigned *d, bool permit);

/* Sets the real device's bus-master bit: only if the guest wants it and policy permits. */
void assigned_update_master(struct assigned *d);
/* Maps the BARs where the guest has put them, or unmaps them. */
void assigned_update_bars(struct assigned *d);

/* grant.c. All with vm->lock held; return pages or a negative status of hypercall.h. */
s64 grant_map(struct assigned *d, iova_t iova, gpa_t gpa, u64 npages, unsigned perm);
s64 grant_unmap(struct assigned *d, iova_t iova, u64 npages, bool sync);
void grant_sync(struct assigned *d);
/* Takes everything back. Does not allocate, cannot fail. */
void grant_revoke(struct assigned *d);

#endif
