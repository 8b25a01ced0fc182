/*
 * Bus addresses to give out. Windows of 2^n pages, aligned to their size, from free lists by
 * size; what was never used comes from a mark that only rises. Constant time.
 */
#ifndef HAL_IOVA_H
#define HAL_IOVA_H

#include "hal/addr.h"

#define IOVA_CLASSES 20 /* largest window: 2^19 pages = 2 GiB */

struct iova_free;

struct iova_space {
	u64 mark, limit; /* bytes: never used from here on; end */
	struct iova_free *free[IOVA_CLASSES];
};

/* Gives out addresses in [first page, limit), never the interrupt range at 0xfee00000. */
void iova_init(struct iova_space *s, u64 limit);
/* Forgets all windows. */
void iova_fini(struct iova_space *s);
/* A window of at least npages; -ENOMEM if there is no room. The caller serialises. */
int iova_alloc(struct iova_space *s, u32 npages, iova_t *iova);
void iova_release(struct iova_space *s, iova_t iova, u32 npages);

#endif
