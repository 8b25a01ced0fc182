/*
 * The frame allocator: a buddy system whose free lists run through the frame records, never
 * through the frames, so that a frame need not be mapped to be free.
 */
#include "kernel/kalloc.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"
#include "kernel/trace.h"

#define NONE 0xffffffffu

struct frame {
	/* In the first frame of a free block: the free list, by frame number. In a user frame
	 * `next` counts the owners beyond the first; in a VM's it is its page there; in one of the
	 * heap's, 1 + the class of the objects, or 0: a block of whole pages. */
	u32 next, prev;
	u8 order; /* of the block that begins here */
	u8 owner; /* enum frame_owner */
	u16 vm;   /* FRAME_VM: which VM */
	u32 pins;
};
_Static_assert(sizeof(struct frame) == 16, "0.4 % of memory");

static struct {
	struct spinlock lock;
	struct frame *frames; /* one for each page below `count` */
	u64 count;
	u32 free[MAX_ORDER + 1];
	u64 owned[FRAME_NOWNERS];
} mem = {.lock = SPINLOCK_INIT("frames")};
void (*free_watch)(paddr_t pa, size_t len, void *by);

/* The record of the frame at pa, which must be RAM. */
static struct frame *
frame_of(paddr_t pa)
{
	u64 n = pa >> PAGE_SHIFT;

	if (n >= mem.count || (pa & PAGE_MASK))
		panic("no frame at %lx", pa);
	return &mem.frames[n];
}

/* Puts a block on its free list. Lock held. */
static void
list_push(u32 n, unsigned order)
{
	struct frame *f = &mem.frames[n];

	f->owner = FRAME_FREE;
	f->order = order;
	f->prev = NONE;
	f->next = mem.free[order];
	if (f->next != NONE)
		mem.frames[f->next].prev = n;
	mem.free[order] = n;
}

/* Takes a block off its free list. Lock held. */
static void
list_take(u32 n, unsigned order)
{
	struct frame *f = &mem.frames[n];

	if (f->prev != NONE)
		mem.frames[f->prev].next = f->next;
	else
		mem.free[order] = f->next;
	if (f->next != NONE)
		mem.frames[f->next].prev = f->prev;
}

/* Frees a block and merges it with its buddies as far as they are free. Lock held. */
static void
free_block(u64 n, unsigned order)
{
	for (; order < MAX_ORDER; order++) {
		u64 buddy = n ^ (1UL << order);
		struct frame *b = &mem.frames[buddy];

		if (buddy >= mem.count || b->owner != FRAME_FREE || b->order != order)
			break;
		list_take(buddy, order);
		b->order = 0xff; /* no block begins here any more */
		n &= ~(1UL << order);
	}
	list_push(n, order);
}

void
frames_init(paddr_t top)
{
	mem.count = top >> PAGE_SHIFT;
	mem.frames = early_alloc(mem.count * sizeof(struct frame));
	for (u64 i = 0; i < mem.count; i++)
		mem.frames[i] = (struct frame){.owner = FRAME_RESERVED, .order = 0xff};
	for (unsigned o = 0; o <= MAX_ORDER; o++)
		mem.free[o] = NONE;
}

void
frames_add(paddr_t base, paddr_t end)
{
	u64 n = DIV_UP(base, PAGE_SIZE), stop = MIN(end >> PAGE_SHIFT, mem.count);

	spin_lock(&mem.lock);
	while (n < stop) {
		unsigned order = 0;

		while (order < MAX_ORDER && !(n & ((2UL << order) - 1)) &&
			n + (2UL << order) <= stop)
			order++;
		for (u64 i = 0; i < 1UL << order; i++)
			mem.frames[n + i] = (struct frame){.owner = FRAME_FREE, .order = 0xff};
		free_block(n, order);
		mem.owned[FRAME_FREE] += 1UL << order;
		n += 1UL << order;
	}
	spin_unlock(&mem.lock);
}

/* Takes 2^order frames from the free block of 2^o at n. Lock held. */
static paddr_t
take_block(u32 n, unsigned o, unsigned order, enum frame_owner owner)
{
	list_take(n, o);
	for (; o > order; o--) /* give the upper half back until it fits */
		list_push(n + (1u << (o - 1)), o - 1);
	for (u32 i = 0; i < 1u << order; i++) {
		ASSERT(mem.frames[n + i].owner == FRAME_FREE && !mem.frames[n + i].pins);
		mem.frames[n + i] = (struct frame){.owner = owner, .order = 0xff};
	}
	mem.frames[n].order = order;
	mem.owned[FRAME_FREE] -= 1UL << order;
	mem.owned[owner] += 1UL << order;
	return (paddr_t)n << PAGE_SHIFT;
}

paddr_t
frame_alloc_below(paddr_t last, unsigned order, enum frame_owner owner)
{
	u64 end = (last + 1 ? last + 1 : last) >> PAGE_SHIFT; /* the first frame too high */
	paddr_t pa = 0;

	spin_lock(&mem.lock);
	for (unsigned o = order; o <= MAX_ORDER; o++) {
		for (u32 n = mem.free[o]; n != NONE; n = mem.frames[n].next) {
			if (n + (1UL << order) <= end) {
				pa = take_block(n, o, order, owner);
				goto out;
			}
		}
	}
out:
	spin_unlock(&mem.lock);
	return pa;
}

paddr_t
frame_alloc(unsigned order, enum frame_owner owner)
{
	return frame_alloc_below(~0UL, order, owner);
}

void
frame_free(paddr_t pa, unsigned order, enum frame_owner owner)
{
	if (free_watch)
		free_watch(pa, PAGE_SIZE << order, __builtin_return_address(0));
	spin_lock(&mem.lock);
	for (u64 i = 0; i < 1UL << order; i++) {
		struct frame *f = frame_of(pa + i * PAGE_SIZE);

		if (f->owner != owner)
			panic("frame %lx freed as %d, owned by %d", pa, owner, f->owner);
		if (f->pins)
			panic("frame %lx freed with %u pins", pa, f->pins);
		*f = (struct frame){.owner = FRAME_FREE, .order = 0xff};
	}
	mem.owned[owner] -= 1UL << order;
	mem.owned[FRAME_FREE] += 1UL << order;
	free_block(pa >> PAGE_SHIFT, order);
	spin_unlock(&mem.lock);
}

void
frame_share(paddr_t pa)
{
	__atomic_add_fetch(&frame_of(pa)->next, 1, __ATOMIC_RELAXED);
}

void
frame_unshare(paddr_t pa)
{
	struct frame *f = frame_of(pa);

	ASSERT(f->owner == FRAME_USER);
	if (__atomic_fetch_sub(&f->next, 1, __ATOMIC_ACQ_REL) == 0) {
		f->next = 0;
		frame_free(pa, 0, FRAME_USER);
	}
}

bool
frame_is_shared(paddr_t pa)
{
	return __atomic_load_n(&frame_of(pa)->next, __ATOMIC_ACQUIRE) > 0;
}

void
frame_set_vm(paddr_t pa, u16 vm, u32 page)
{
	struct frame *f = frame_of(pa);

	f->vm = vm;
	f->next = page;
}

u16
frame_vm(paddr_t pa, u32 *page)
{
	struct frame *f = frame_of(pa);

	*page = f->next;
	return f->owner == FRAME_VM ? f->vm : 0;
}

void
frame_pin(paddr_t pa)
{
	struct frame *f = frame_of(pa);

	ASSERT(f->owner != FRAME_FREE);
	__atomic_add_fetch(&f->pins, 1, __ATOMIC_ACQ_REL);
	trace_page_pin(f->vm, f->pins, pa, (u64)f->next * PAGE_SIZE);
}

unsigned
frame_unpin(paddr_t pa)
{
	struct frame *f = frame_of(pa);

	ASSERT(READ_ONCE(f->pins) > 0);
	trace_page_unpin(f->vm, f->pins - 1, pa, (u64)f->next * PAGE_SIZE);
	return __atomic_sub_fetch(&f->pins, 1, __ATOMIC_ACQ_REL);
}

unsigned
frame_pins(paddr_t pa)
{
	return READ_ONCE(frame_of(pa)->pins);
}

u64
frame_count(enum frame_owner owner)
{
	return READ_ONCE(mem.owned[owner]);
}

enum frame_owner
frame_owner_of(paddr_t pa)
{
	u64 n = pa >> PAGE_SHIFT;

	return n < mem.count ? READ_ONCE(mem.frames[n].owner) : FRAME_RESERVED;
}

void *
page_alloc(enum frame_owner owner)
{
	paddr_t pa = frame_alloc(0, owner);

	return pa ? memset(phys_to_virt(pa), 0, PAGE_SIZE) : NULL;
}

void
page_free(void *page, enum frame_owner owner)
{
	frame_free(virt_to_phys(page), 0, owner);
}

/* The heap: per size class a list of free objects, refilled a page at a time. */
#define NCLASS 7 /* 32 … 2048 bytes */
struct heap_object {
	struct heap_object *next;
};
static struct {
	struct spinlock lock;
	struct heap_object *free[NCLASS];
} heap = {.lock = SPINLOCK_INIT("heap")};
u64 heap_bytes;

/* Adds a page of objects of one class. False if there is no memory. Lock held. */
static bool
heap_refill(unsigned class)
{
	size_t size = 32UL << class;
	paddr_t page = frame_alloc(0, FRAME_HEAP);

	if (!page)
		return false;
	frame_of(page)->next = 1 + class;
	for (size_t at = 0; at < PAGE_SIZE; at += size) {
		struct heap_object *o = phys_to_virt(page + at);
		o->next = heap.free[class];
		heap.free[class] = o;
	}
	return true;
}

void *
kmalloc(size_t n)
{
	unsigned class = 0, order = 0;
	void *p = NULL;

	while (class < NCLASS && 32UL << class < n)
		class ++;
	while (order <= MAX_ORDER && PAGE_SIZE << order < n)
		order++;
	if (class < NCLASS) {
		spin_lock(&heap.lock);
		if (heap.free[class] || heap_refill(class)) {
			p = heap.free[class];
			heap.free[class] = heap.free[class]->next;
		}
		spin_unlock(&heap.lock);
	} else {
		paddr_t pa = frame_alloc(order, FRAME_HEAP);
		p = pa ? phys_to_virt(pa) : NULL;
	}
	if (!p)
		return NULL;
	__atomic_add_fetch(
		&heap_bytes, class < NCLASS ? 32UL << class : PAGE_SIZE << order, __ATOMIC_RELAXED);
	return memset(p, 0, n);
}

void
kfree(void *p)
{
	struct heap_object *o = p;
	paddr_t pa;

	if (!p)
		return;
	pa = virt_to_phys(p);
	const struct frame *f = frame_of(ROUND_DOWN(pa, PAGE_SIZE));
	ASSERT(f->owner == FRAME_HEAP && f->order <= MAX_ORDER);
	__atomic_sub_fetch(
		&heap_bytes, f->next ? 16UL << f->next : PAGE_SIZE << f->order, __ATOMIC_RELAXED);
	if (!f->next) {
		frame_free(pa, f->order, FRAME_HEAP);
		return;
	}
	if (free_watch)
		free_watch(pa, 16UL << f->next, __builtin_return_address(0));
	spin_lock(&heap.lock);
	o->next = heap.free[f->next - 1];
	heap.free[f->next - 1] = o;
	spin_unlock(&heap.lock);
}
