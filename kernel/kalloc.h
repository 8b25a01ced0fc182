/*
 * Physical memory. Every frame of RAM has a record: who owns it, and how many pins hold it. A
 * pinned frame may neither be freed nor be moved; the allocator refuses.
 */
#pragma once

#include "lib/types.h"

/* X(name): who a frame belongs to. */
#define FRAME_OWNERS(X) \
	X(FREE) X(RESERVED) X(KERNEL) X(HEAP) X(TABLE) X(USER) X(DMA) X(CACHE) X(VM) X(STACK)
enum frame_owner {
#define X(name) FRAME_##name,
	FRAME_OWNERS(X)
#undef X
		FRAME_NOWNERS
};

#define MAX_ORDER 10 /* largest block: 2^10 pages = 4 MiB */

/* Makes the records of all frames below `top`, all reserved; then frees the RAM in [base, end). */
void frames_init(paddr_t top);
void frames_add(paddr_t base, paddr_t end);

/* 2^order frames, not zeroed, as one physical block; 0 if there is none. */
paddr_t frame_alloc(unsigned order, enum frame_owner owner);
/* The same, all of it at addresses up to `last`: if that is low it looks at many blocks. */
paddr_t frame_alloc_below(paddr_t last, unsigned order, enum frame_owner owner);
/* Gives a block back. Panics if it is pinned, or not the owner's: that is our bug. */
void frame_free(paddr_t pa, unsigned order, enum frame_owner owner);
/* Told of memory that is about to be freed, len bytes, by code at `by`; NULL: nobody asks. */
extern void (*free_watch)(paddr_t pa, size_t len, void *by);

/*
 * Sharing of user frames (copy on write): one more owner; one less, and free with the last;
 * whether there is more than one.
 */
void frame_share(paddr_t pa);
void frame_unshare(paddr_t pa);
bool frame_is_shared(paddr_t pa);

/* A tag on a frame of FRAME_VM: the VMM's own id of the VM, not 0, and the number of its page. */
void frame_set_vm(paddr_t pa, u16 vm, u32 page);
u16 frame_vm(paddr_t pa, u32 *page);

/* Pins: counts on a frame. unpin returns what is left. */
void frame_pin(paddr_t pa);
unsigned frame_unpin(paddr_t pa);
unsigned frame_pins(paddr_t pa);

/* Pages owned by `owner` now; FRAME_FREE tells what is free. */
u64 frame_count(enum frame_owner owner);
/* Whose the frame at pa is; RESERVED if it has no record. */
enum frame_owner frame_owner_of(paddr_t pa);

/* A zeroed page (as a kernel address) and back. NULL if there is no memory. */
void *page_alloc(enum frame_owner owner);
void page_free(void *page, enum frame_owner owner);

/* The kernel heap: any size up to 4 MiB, zeroed, aligned to the power of two that holds it (up to a
 * page). */
void *kmalloc(size_t n);
void kfree(void *p);
/* How much of it is in use, rounded up as above. Its pages also hold what is free. */
extern u64 heap_bytes;
