#include "hal/iova.h"
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "kernel/lib.h"

#define FIRST 0x100000UL

void
iova_init(struct iova_space *s, u64 limit)
{
	*s = (struct iova_space){.mark = FIRST, .limit = limit, .reserved = {{MSI_START, MSI_END}}};
	spin_init(&s->lock, "iova");
}

int
iova_reserve(struct iova_space *s, u64 start, u64 end)
{
	unsigned i = 0;

	for (; s->reserved[i].end; i++)
		if (s->reserved[i].start == start && s->reserved[i].end == end)
			return 0;
	if (i == IOVA_RESERVED)
		return -ENOSPC;
	if (s->mark > FIRST && start < s->mark)
		return -EBUSY;
	s->reserved[i].start = start;
	s->reserved[i].end = end;
	return 0;
}

/* 28 bits: the smallest mask that any driver of ours has. */
void
iova_share(struct iova_space *s, unsigned n, unsigned of)
{
	u64 size = ROUND_DOWN((1UL << 28) / of, PAGE_SIZE);

	s->mark = MAX(FIRST, n * size);
	s->limit = MIN(s->limit, (n + 1) * size);
}

void
iova_fini(struct iova_space *s)
{
	for (unsigned c = 0; c < IOVA_CLASSES; c++)
		kfree(s->stack[c].at);
}

static unsigned
class_of(u32 npages)
{
	return npages <= 1 ? 0 : 32 - __builtin_clz(npages - 1);
}

/* A window that was never used; -ENOMEM. Locked. */
static int
from_mark(struct iova_space *s, unsigned c, iova_t *iova)
{
	u64 size = PAGE_SIZE << c, at = ROUND_UP(s->mark, size);

	for (unsigned i = 0; s->reserved[i].end; i++) {
		if (at < s->reserved[i].end && at + size > s->reserved[i].start) {
			at = ROUND_UP(s->reserved[i].end, size);
			i = -1u; /* from the first: they are in no order */
		}
	}
	if (at >= s->limit || size > s->limit - at)
		return -ENOMEM;
	s->mark = at + size;
	iova->v = at;
	return 0;
}

/* What other CPUs have cached is out of reach: IOVA_CACHE windows of a size for each of them. */
int
iova_alloc(struct iova_space *s, u32 npages, iova_t *iova)
{
	unsigned c = class_of(npages);
	int err = 0;

	if (c >= IOVA_CLASSES)
		return -ENOMEM;
	struct cpu *cpu = irq_push_off();
	if (c < IOVA_CACHED) {
		u8 *n = &s->cpu[cpu->id].n[c];
		if (*n) {
			iova->v = s->cpu[cpu->id].at[c][--*n];
			irq_pop();
			return 0;
		}
	}
	spin_lock(&s->lock);
	if (s->stack[c].n)
		iova->v = s->stack[c].at[--s->stack[c].n];
	else
		err = from_mark(s, c, iova);
	spin_unlock(&s->lock);
	irq_pop();
	return err;
}

/* Pushes a window on its stack, which grows. Without memory the window is lost; no harm is done. */
static void
push(struct iova_space *s, unsigned c, u64 at)
{
	unsigned n = s->stack[c].n, room = s->stack[c].room;

	if (n == room) {
		u64 *more = kmalloc(MAX(2 * room, 16) * sizeof(u64));

		if (!more)
			return;
		if (n)
			memcpy(more, s->stack[c].at, n * sizeof(u64));
		kfree(s->stack[c].at);
		s->stack[c].at = more;
		s->stack[c].room = MAX(2 * room, 16);
	}
	s->stack[c].at[s->stack[c].n++] = at;
}

void
iova_release(struct iova_space *s, iova_t iova, u32 npages)
{
	unsigned c = class_of(npages);

	for (unsigned i = 0; s->reserved[i].end; i++)
		if (iova.v >= s->reserved[i].start && iova.v < s->reserved[i].end)
			return;
	struct cpu *cpu = irq_push_off();
	if (c < IOVA_CACHED) {
		u8 *n = &s->cpu[cpu->id].n[c];
		if (*n < IOVA_CACHE) {
			s->cpu[cpu->id].at[c][(*n)++] = iova.v;
			irq_pop();
			return;
		}
	}
	spin_lock(&s->lock);
	push(s, c, iova.v);
	spin_unlock(&s->lock);
	irq_pop();
}
