#include "hal/iova.h"
#include "kernel/abi.h"
#include "kernel/kalloc.h"

#define FIRST 0x100000UL

struct iova_free {
	struct iova_free *next;
	u64 at;
};

void
iova_init(struct iova_space *s, u64 limit)
{
	*s = (struct iova_space){.mark = FIRST, .limit = limit};
}

void
iova_fini(struct iova_space *s)
{
	for (unsigned c = 0; c < IOVA_CLASSES; c++) {
		while (s->free[c]) {
			struct iova_free *f = s->free[c];
			s->free[c] = f->next;
			kfree(f);
		}
	}
}

static unsigned
class_of(u32 npages)
{
	unsigned c = 0;

	while ((1UL << c) < npages)
		c++;
	return c;
}

int
iova_alloc(struct iova_space *s, u32 npages, iova_t *iova)
{
	unsigned c = class_of(npages);
	u64 size = PAGE_SIZE << c, at;

	if (c >= IOVA_CLASSES)
		return -ENOMEM;
	if (s->free[c]) {
		struct iova_free *f = s->free[c];
		s->free[c] = f->next;
		iova->v = f->at;
		kfree(f);
		return 0;
	}
	at = ROUND_UP(s->mark, size);
	if (at < MSI_END && at + size > MSI_START)
		at = ROUND_UP(MSI_END, size);
	if (at >= s->limit || size > s->limit - at)
		return -ENOMEM;
	s->mark = at + size;
	iova->v = at;
	return 0;
}

void
iova_release(struct iova_space *s, iova_t iova, u32 npages)
{
	unsigned c = class_of(npages);
	struct iova_free *f = kmalloc(sizeof(*f));

	if (!f)
		return; /* the window is lost, no harm is done */
	f->at = iova.v;
	f->next = s->free[c];
	s->free[c] = f;
}
