/*
 * The IOMMU contract's test (boot option selftest=conform, in the test build only). Clause by
 * clause, on a domain of its own, with edu at 00:05.0 as the device that tells what is reached;
 * the same for every driver: vtd and amdvi on the machine, pv in a guest.
 */
#pragma once

#include "drivers/pci.h"
#include "hal/iommu.h"
#include "lib/abi.h"
#include "kernel/lib.h"

#define CONFORM_PAGES 1024 /* of memory for the device; one block, aligned to its size */

struct conform {
	struct pci_dev *edu;
	volatile u8 *reg;
	const struct iommu_ops *ops;
	bool pv;
	bool silent;                 /* boot option silent=1: the hardware reports no faults */
	u64 seed, ops_wanted, quota; /* boot options; quota is what the host has been told */
	struct domain *d;            /* the clause's own: attached, empty */
	u8 *mem;
	paddr_t pa;
	struct iommu_fault fault; /* the last one that reached the owner */
	unsigned nfaults;
	unsigned tests, failed;
	bool bad; /* the clause under way */
};

/* A clause, told in one line: each claim that does not hold is shown. */
struct clause {
	enum { ALL, HARDWARE, GUEST, REPORTING } where;
	const char *name;
	void (*run)(struct conform *);
};
extern const struct clause conform_clauses[], conform_unmap[],
	conform_pv[]; /* end with an empty one */

#define CLAIM(c, e)    conform_claim(c, e, #e)
#define IS(c, e, want) conform_is(c, e, want, #e)
void conform_claim(struct conform *c, bool good, const char *text);
void conform_is(struct conform *c, s64 got, s64 want, const char *text);
/* A line on the console, without a time. */
void conform_say(const char *fmt, ...) PRINTF(1, 2);

/* Whether a write of the device's to iova arrives in this page of the memory, and nowhere else. */
bool conform_writes(struct conform *c, u64 iova, unsigned page);
/* Whether no write there arrives in any of it. */
bool conform_blocked(struct conform *c, u64 iova);
/* Whether the device reads this page's bytes at iova. */
bool conform_reads(struct conform *c, u64 iova, unsigned page);

static inline paddr_t
conform_pa(const struct conform *c, unsigned page)
{
	return c->pa + page * PAGE_SIZE;
}

/* 10,000 (ops=) random operations, from seed=, against a model. */
void conform_random(struct conform *c);
