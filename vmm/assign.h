/*
 * A device that belongs to a VM: its domain, its grants and pins, its interrupts, and the
 * configuration space that the guest sees instead of the real one.
 */
#pragma once

#include "drivers/pci.h"
#include "hal/iommu.h"
#include "kernel/lib.h"
#include "vmm/grant.h"
#include "vmm/vm.h"

#define ASSIGNED_MESSAGES NELEM(((struct device *)0)->msi_vector)

struct assigned_message {
	struct vcpu *vcpu;
	bool bound;
	u8 vector; /* of the guest */
};

/*
 * (l): vm->lock; else constant, or changed under control alone. The domain is attached, and empty,
 * from the assignment on: a guest that does not ask is blocked, and its faults are known as its.
 */
struct assigned {
	struct list link;
	struct vm *vm;
	struct pci_dev *pci;
	rid_t rid, guest_rid; /* where host and guest see it */
	struct domain *dom;

	bool unsafe;         /* it is not confined */
	bool permit;         /* (l) */
	bool cut;            /* (l) it faulted without end: no bus master */
	bool guest_attached; /* (l) the guest has asked: it may map */
	u32 quota;           /* (l) most pages pinned at once */
	u32 pinned;          /* (l) */
	u32 rate;            /* most calls a second about it; 0: as many as it likes */
	u64 paid;            /* (l) ns: until when its calls have used up the rate */
	unsigned nunsynced;  /* (l) */
	hpa_t unsynced[256]; /* (l) unmapped, perhaps still cached: still pinned */

	u16 command; /* (l) as the guest wrote it */
	struct {
		u32 value; /* (l) as the guest wrote it */
		u64 mask;  /* of the address bits that can be written; 0: no memory BAR */
		hpa_t hpa;
		u64 size;
		gpa_t mapped_at; /* (l) 0: not mapped */
	} bar[6];
	struct assigned_message message[ASSIGNED_MESSAGES];
	/* (l) Of the guest: a fault has come in; 0: it does not want to know. */
	u8 fault_vector;
	struct vcpu *fault_vcpu;
};

/* The VM's device that the host has at rid, or the guest; NULL. vm->lock or control held. */
struct assigned *assigned_find(struct vm *vm, rid_t rid);
struct assigned *assigned_at(struct vm *vm, rid_t guest_rid);

/*
 * Gives a device of the host to a VM, or takes it back. On failure *why says what to do about it,
 * and nothing has changed. -EACCES: nothing would confine the device; `unsafe` gives it all the
 * same.
 */
int assign_device(
	struct vm *vm, rid_t rid, bool permit, bool unsafe, u32 quota, u32 rate, const char **why);
void release_device(struct assigned *d);

/* permit or deny, while the guest runs; deny revokes all grants. */
void assigned_set_policy(struct assigned *d, bool permit);

/* The guest writes its command register, or a BAR's low 32 bits. vm->lock held. */
void assigned_set_command(struct assigned *d, u16 command);
void assigned_set_bar(struct assigned *d, unsigned bar, u32 value);
