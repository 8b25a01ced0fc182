/*
 * Random operations, and beside them a model that says by itself what each has to answer and what
 * is mapped afterwards: for each page its frame and permission, and whether a grant begins there.
 */
#include "tests/kernel/conform.h"

#define PAGES 1024
/* Over the borders of a leaf table and of the table above it. */
#define BASE      (0x40000000UL - PAGES / 2 * PAGE_SIZE)
#define LONGEST   80
#define GRANT     64 /* what the VMM does of a map at once */
#define REQUESTS  8
#define COMPARE   500 /* after so many operations all of the table is compared */
#define DMA_TRIES 8

static struct page {
	u16 frame; /* of the memory, counted from 1; 0: not mapped */
	u8 perm;
	bool first;
} model[PAGES];

static u64 state;
static u64 answers[2][2]; /* of unmaps, of maps: refusals, and those that were done */

/* Below n; xorshift64*. */
static u64
below(u64 n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dUL >> 33) % n;
}

static iova_t
at(unsigned i)
{
	return (iova_t){BASE + i * PAGE_SIZE};
}

static int
model_map(const struct iommu_request *r, unsigned i, unsigned frame)
{
	if (!r->perm)
		return -EINVAL;
	for (unsigned n = 0; n < r->npages; n++)
		if (model[i + n].frame)
			return -EEXIST;
	for (unsigned n = 0; n < r->npages; n++)
		model[i + n] = (struct page){frame + n + 1, r->perm, n % GRANT == 0};
	return 0;
}

/* How many pages the grant at i has, i included. */
static unsigned
extent(unsigned i)
{
	unsigned n = 1;

	while (i + n < PAGES && model[i + n].frame && !model[i + n].first)
		n++;
	return n;
}

/* Hardware removes what is there. The VMM goes from grant to grant, and stops where there is none.
 */
static int
model_unmap(bool pv, unsigned i, unsigned npages)
{
	unsigned end = i + npages, n;
	int err = 0;

	for (; i < end; i += n) {
		n = 1;
		if (pv && model[i].frame) {
			n = extent(i);
			if (!model[i].first || i + n > end)
				return -EINVAL;
		} else if (!model[i].frame) {
			err = -ENOENT;
			if (pv)
				return err;
		}
		memset(&model[i], 0, n * sizeof(model[i]));
	}
	return err;
}

/* A request, and what it has to answer: the model has done it. */
static int
draw(struct conform *c, struct iommu_request *r)
{
	unsigned i = below(PAGES), frame, kind = below(16);

	*r = (struct iommu_request){.npages = 1 + below(LONGEST)};
	if (below(4) == 0)
		r->npages = 1 + below(4);
	if (kind < 8) {
		r->map = true;
		r->npages = MIN(r->npages, PAGES - i);
		r->perm = below(32) ? 1 + below(3) : 0;
		frame = below(CONFORM_PAGES - r->npages);
		r->pa = conform_pa(c, frame);
		r->iova = at(i);
		return model_map(r, i, frame);
	}
	if (kind < 14) { /* exactly one, or from its beginning over its end */
		while (i < PAGES - 1 && !model[i].frame)
			i++;
		while (i > 0 && model[i].frame && !model[i].first)
			i--;
		r->npages = extent(i) + (kind == 13 ? below(LONGEST) : 0);
	}
	r->npages = MIN(r->npages, PAGES - i);
	r->iova = at(i);
	return model_unmap(c->pv, i, r->npages);
}

/* The same, counted. */
static int
invent(struct conform *c, struct iommu_request *r)
{
	int want = draw(c, r);

	answers[r->map][!want]++;
	return want;
}

static void
wrong(struct conform *c, u64 op, const struct iommu_request *r, int got, int want)
{
	conform_say("# operation %lu: %s 0x%lx, %u pages, perm %u: got %d, wanted %d", op,
		r->map ? "map" : "unmap", r->iova.v, r->npages, r->perm, got, want);
	c->bad = true;
}

static void
batch(struct conform *c, u64 op)
{
	struct iommu_request r[REQUESTS];
	unsigned n = 1 + below(REQUESTS);
	int want[REQUESTS], first = 0;

	for (unsigned i = 0; i < n; i++) {
		want[i] = invent(c, &r[i]);
		first = first ? first : want[i];
	}
	int got = iommu_batch(c->d, r, n);
	for (unsigned i = 0; i < n; i++)
		if (r[i].err != want[i])
			wrong(c, op, &r[i], r[i].err, want[i]);
	if (got != first)
		wrong(c, op, &r[0], got, first);
}

static void
reattach(struct conform *c)
{
	iommu_detach(c->d);
	memset(model, 0, sizeof(model));
	IS(c, iommu_attach(c->d, c->edu->dev.rid, c->edu->dev.alias), 0);
}

static void
operation(struct conform *c, u64 op)
{
	struct iommu_request r;
	unsigned kind = below(64);
	int want, got;

	if (kind == 0 && below(8) == 0) {
		reattach(c);
	} else if (kind < 6) {
		iommu_sync(c->d);
	} else if (kind < 16) {
		batch(c, op);
	} else {
		want = invent(c, &r);
		got = r.map ? iommu_map(c->d, r.iova, r.pa, r.npages, r.perm)
			    : iommu_unmap(c->d, r.iova, r.npages, kind & 1);
		if (got != want)
			wrong(c, op, &r, got, want);
	}
}

/* In a guest there is no table to look at: whether a page is mapped is told by mapping it. */
static bool
same(struct conform *c, unsigned i)
{
	const struct page *p = &model[i];
	unsigned perm;
	paddr_t pa;

	if (!c->pv) {
		bool there = pt_lookup(&c->d->pt, at(i).v, &pa, &perm);
		return there == !!p->frame &&
		       (!there || (pa == conform_pa(c, p->frame - 1) &&
					  (perm & (IOMMU_READ | IOMMU_WRITE)) == p->perm));
	}
	if (iommu_map(c->d, at(i), c->pa, 1, IOMMU_READ) == 0)
		return !p->frame && iommu_unmap(c->d, at(i), 1, false) == 0;
	return p->frame;
}

static void
compare(struct conform *c, u64 op)
{
	for (unsigned i = 0; i < PAGES; i++) {
		if (same(c, i))
			continue;
		conform_say("# after operation %lu: 0x%lx: the model has frame %u, perm %u", op,
			at(i).v, model[i].frame, model[i].perm);
		c->bad = true;
	}
}

/* The device on some of the pages: with the model, or against it. */
static void
ask_device(struct conform *c)
{
	iommu_sync(c->d);
	for (unsigned n = 0; n < DMA_TRIES; n++) {
		unsigned i = below(PAGES);
		const struct page *p = &model[i];

		if (p->perm & IOMMU_WRITE)
			CLAIM(c, conform_writes(c, at(i).v, p->frame - 1));
		else
			CLAIM(c, conform_blocked(c, at(i).v));
	}
}

/* The model, for the host to compare with what it has: IOVA, GPA, permission. */
static void
show(struct conform *c)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (model[i].frame)
			conform_say("model %lx %lx %c%c", at(i).v,
				conform_pa(c, model[i].frame - 1),
				model[i].perm & IOMMU_READ ? 'r' : '-',
				model[i].perm & IOMMU_WRITE ? 'w' : '-');
}

void
conform_random(struct conform *c)
{
	conform_say("# seed=0x%lx ops=%lu", c->seed, c->ops_wanted);
	state = c->seed | 1UL << 63; /* not 0 */
	for (u64 op = 1; op <= c->ops_wanted && !c->bad; op++) {
		operation(c, op);
		if (op % COMPARE == 0 || op == c->ops_wanted)
			compare(c, op);
	}
	conform_say("# maps: %lu done, %lu refused; unmaps: %lu, %lu", answers[1][1], answers[1][0],
		answers[0][1], answers[0][0]);
	for (unsigned i = 0; i < 4; i++) /* refusals alone would be no test */
		CLAIM(c, answers[i / 2][i % 2] > c->ops_wanted / 50);
	ask_device(c);
	if (c->pv)
		show(c);
}
