/*
 * Bus addresses to give out. Windows of 2^n pages, aligned to their size: from a small cache of
 * this CPU's, from stacks by size, or from a mark that only rises. Constant time.
 */
#pragma once

#include "hal/addr.h"
#include "kernel/cpu.h"
#include "kernel/spinlock.h"

#define IOVA_CLASSES 20 /* largest window: 2^19 pages = 2 GiB */
#define IOVA_CACHED  6  /* windows up to 2^5 pages are cached by CPU */
#define IOVA_CACHE   16 /* so many of each size */

#define IOVA_RESERVED 16 /* ranges that are not given out */

struct iova_space {
	struct spinlock lock;
	u64 mark, limit; /* bytes: never used from here on; end */
	struct {
		u64 start, end;
	} reserved[IOVA_RESERVED + 1]; /* ends with an empty one; the first is the MSI window */
	struct {
		u64 *at;
		unsigned n, room;
	} stack[IOVA_CLASSES];
	struct {
		u8 n[IOVA_CACHED];
		u64 at[IOVA_CACHED][IOVA_CACHE];
	} cpu[MAX_CPUS];
};

/* Gives out addresses in [first page, limit), never the interrupt range at 0xfee00000. */
void iova_init(struct iova_space *s, u64 limit);
/*
 * Nor these, from now on. One too many is -ENOSPC; -EBUSY if some of it may have been given out.
 */
int iova_reserve(struct iova_space *s, u64 start, u64 end);
/* Only the n-th of `of` parts of what all devices reach is given out; before anything is. */
void iova_share(struct iova_space *s, unsigned n, unsigned of);
/* Forgets all windows. */
void iova_fini(struct iova_space *s);
/* A window of at least npages. -ENOMEM if there is no room. */
int iova_alloc(struct iova_space *s, u32 npages, iova_t *iova);
/* What is reserved was never given out: nothing happens. */
void iova_release(struct iova_space *s, iova_t iova, u32 npages);
