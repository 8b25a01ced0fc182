/* hal/pt.c against a model: one word per page. Entries against bits written out from the manuals.
 */
#include "tests/host/harness.h"
#include "hal/pt.h"
#include <stdlib.h>

#define MIB       (1UL << 20)
#define GIB       (1UL << 30)
#define ADDR      0x000ffffffffff000UL
#define ALL_PERMS (PT_R | PT_W | PT_X | PT_USER | PT_UNCACHED | PT_GLOBAL)

enum format { CPU, NPT, EPT, VTD, AMDVI };

static const struct pt_fmt *const fmts[] = {
	&pt_fmt_cpu, &pt_fmt_npt, &pt_fmt_ept, &pt_fmt_vtd, &pt_fmt_amdvi};

/* What a leaf has besides its address. */
static u64
leaf_bits(enum format f, unsigned perm, unsigned level)
{
	u64 ps = level ? 0x80 : 0, r = perm & PT_R, w = (perm & PT_W) != 0, x = (perm & PT_X) != 0;
	u64 uc = (perm & PT_UNCACHED) != 0;

	switch (f) {
	case CPU: /* NX 63, G 8, PCD|PWT 4:3, U/S 2, R/W 1, P 0 */
		return 1 | w << 1 | (perm & PT_USER ? 4 : 0) | uc * 0x18 |
		       (perm & PT_GLOBAL ? 0x100 : 0) | (x ? 0 : BIT(63)) | ps;
	case NPT: /* the same, but always user */
		return 1 | w << 1 | 4 | uc * 0x18 | (x ? 0 : BIT(63)) | ps;
	case EPT: /* memory type 5:3 (6 = WB, 0 = UC), X 2, W 1, R 0 */
		return r | w << 1 | x << 2 | !uc * 0x30 | ps;
	case VTD: /* W 1, R 0 */
		return r | w << 1 | ps;
	case AMDVI: /* IW 62, IR 61, FC 60, next level 11:9 = 0, PR 0 */
		return 1 | BIT(60) | r << 61 | w << 62;
	}
	abort();
}

/* What an entry at `level` that points to a table has besides its address. */
static u64
table_bits(enum format f, unsigned level)
{
	if (f == AMDVI)
		return 0x6000000000000001UL | level << 9;
	return f == VTD ? 3 : 7;
}

/* The permission that a lookup gives back for what was asked. */
static unsigned
granted(enum format f, unsigned perm)
{
	static const unsigned keeps[] = {[CPU] = ALL_PERMS,
		[NPT] = PT_R | PT_W | PT_X | PT_UNCACHED,
		[EPT] = PT_R | PT_W | PT_X | PT_UNCACHED,
		[VTD] = PT_R | PT_W,
		[AMDVI] = PT_R | PT_W};

	return (perm & keeps[f]) | (f == CPU || f == NPT ? PT_R : 0);
}

/* The entry that ends the walk, 0 if none, and its level; checks the table entries on the way. */
static u64
walk(const struct pt *pt, enum format f, u64 in, unsigned *level)
{
	u64 *table = pt->root;

	for (*level = pt->levels - 1;; --*level) {
		u64 e = table[in >> (12 + 9 * *level) & 511];
		if (!e || !*level || (f == AMDVI ? !(e & 0xe00) : e & 0x80))
			return e;
		if (!CHECK((e & ~ADDR) == table_bits(f, *level)))
			return 0;
		table = pt_page_virt(e & ADDR);
	}
}

static bool
mapped(const struct pt *pt, u64 in)
{
	return pt_lookup(pt, in, NULL, NULL);
}

/* The model: the pages of a window of 3 GiB; a page's output address | permission | HERE. */
#define WINDOW (3 * GIB)
#define HERE   0x800UL
static u64 model[WINDOW / PAGE_SIZE];

struct run {
	struct pt pt;
	enum format f;
	u64 base; /* the window's first input address */
};

static u64 *
page_at(const struct run *r, u64 in)
{
	return &model[(in - r->base) / PAGE_SIZE];
}

/* Looks up one page, and a byte inside it. */
static void
verify_page(const struct run *r, u64 in)
{
	u64 m = *page_at(r, in), out, byte = rnd_below(PAGE_SIZE);
	unsigned perm;

	if (!pt_lookup(&r->pt, in + byte, &out, &perm))
		CHECK(!m);
	else if (CHECK(m & HERE)) {
		CHECK(out == (m & ADDR) + byte);
		CHECK(perm == (m & ALL_PERMS));
	}
}

/* Looks up the pages of [in, in+len) and one beyond: all if they are few, else every 61st. */
static void
verify(const struct run *r, u64 in, u64 len)
{
	u64 first = MAX(in, r->base + PAGE_SIZE) - PAGE_SIZE - r->base;
	u64 last = MIN(in + len - r->base, WINDOW - PAGE_SIZE);
	u64 step = last - first > 4 * MIB ? 61 * PAGE_SIZE : PAGE_SIZE;

	for (u64 at = first; at < last; at += step)
		verify_page(r, r->base + at);
	verify_page(r, r->base + last);
	verify_page(r, in + len - PAGE_SIZE);
}

/* A random range: mostly small, around the middle; sometimes of whole 2 MiB or 1 GiB. */
static void
pick(const struct run *r, u64 *in, u64 *len)
{
	unsigned kind = rnd_below(100);
	u64 unit = kind < 60 ? PAGE_SIZE : kind < 98 ? 2 * MIB : kind == 98 ? PAGE_SIZE : GIB;
	u64 area = kind < 80 ? 64 * MIB : WINDOW;
	u64 start = (WINDOW / 2 & ~(GIB - 1)) - (area == WINDOW ? GIB : area / 2), max;

	max = kind < 60 ? 1 + rnd_below(rnd_below(4) ? 32 : 2048) : kind < 98 ? 4 : 1;
	*len = kind == 98 ? rnd_below(GIB / PAGE_SIZE) * PAGE_SIZE + PAGE_SIZE
			  : (1 + rnd_below(max)) * unit;
	*len = MIN(*len, area);
	*in = r->base + start + rnd_below((area - *len) / unit + 1) * unit;
}

/* Grows [*lo, *hi) to the edges of the leaf at `in`, if one is there. */
static void
cover_leaf(const struct run *r, u64 in, u64 *lo, u64 *hi)
{
	unsigned level;

	if (walk(&r->pt, r->f, in, &level)) {
		*lo = MIN(*lo, ROUND_DOWN(in, pt_level_size(level)));
		/* compared by their last byte: the end may be 2^64 */
		*hi = MAX(*hi - 1, in | (pt_level_size(level) - 1)) + 1;
	}
}

static bool
covers(const struct pt_gather *g, u64 lo, u64 hi)
{
	return g->start != g->end && g->start <= lo && g->end - 1 >= hi - 1;
}

/* Ends an operation: dead pages are alive until they are freed, and say nothing valid. */
static void
finish(struct run *r, struct pt_gather *g, unsigned pages_before)
{
	u64 valid = r->pt.fmt->valid;

	allocs_left = -1;
	CHECK(live_pages >= pages_before);
	CHECK(live_pages == r->pt.tables);
	for (u64 *t = g->tables; t; t = (u64 *)t[0])
		for (unsigned i = 0; i < 512; i++)
			CHECK(!(t[i] & valid));
	pt_gather_free(&r->pt, g);
	CHECK(g->start == g->end && !g->tables);
	CHECK(live_pages == r->pt.tables);
}

static void
random_map(struct run *r, u64 in, u64 len, bool starved)
{
	struct pt_gather g = {0};
	u64 out = rnd_below(4) ? in - r->base + 8 * GIB : rnd_below(1UL << 38) << PAGE_SHIFT;
	unsigned perm = PT_R | rnd_below(ALL_PERMS + 1), before = live_pages;
	u64 free = 0;
	int err;

	while (free < len && !*page_at(r, in + free))
		free += PAGE_SIZE;
	err = pt_map(&r->pt, in, out, len, perm, &g);
	if (err == -ENOMEM) {
		CHECK(starved);
	} else if (free < len) {
		CHECK(err == -EEXIST);
		CHECK(free == 0 || covers(&g, in, in + free));
	} else if (CHECK(err == 0)) {
		for (u64 at = 0; at < len; at += PAGE_SIZE)
			*page_at(r, in + at) = (out + at) | granted(r->f, perm) | HERE;
	}
	finish(r, &g, before);
}

static void
random_unmap(struct run *r, u64 in, u64 len, bool starved)
{
	struct pt_gather g = {0};
	u64 lo = in, hi = in + len, removed, expected = 0, from = 0, to = 0, left;
	unsigned before = live_pages;
	int err;

	cover_leaf(r, in, &lo, &hi);
	cover_leaf(r, in + len - PAGE_SIZE, &lo, &hi);
	for (u64 at = 0; at < len; at += PAGE_SIZE)
		expected += *page_at(r, in + at) ? PAGE_SIZE : 0;
	err = pt_unmap(&r->pt, in, len, &removed, &g);
	CHECK(err == -ENOMEM ? starved && removed < expected : !err && removed == expected);
	left = removed; /* a failed unmap has removed what comes first */
	for (u64 at = 0; at < len && left; at += PAGE_SIZE) {
		if (*page_at(r, in + at)) {
			from = left == removed ? in + at : from;
			to = in + at + PAGE_SIZE;
			*page_at(r, in + at) = 0;
			left -= PAGE_SIZE;
		}
	}
	if (removed)
		CHECK(covers(&g, from, to));
	if (!err && lo < in)
		CHECK(covers(&g, lo, in + PAGE_SIZE));
	if (!err && hi - 1 > in + len - 1)
		CHECK(covers(&g, in + len - PAGE_SIZE, hi));
	finish(r, &g, before);
	verify(r, lo, hi - lo);
}

static void
random_reserve(struct run *r, u64 in, u64 len, bool starved)
{
	struct pt_gather g = {0};
	bool large = false;
	unsigned level, before = live_pages;
	int err;

	len = MIN(len, 4 * MIB);
	for (u64 at = 0; at < ROUND_UP((in & (2 * MIB - 1)) + len, 2 * MIB); at += 2 * MIB)
		large |= walk(&r->pt, r->f, ROUND_DOWN(in, 2 * MIB) + at, &level) && level > 0;
	err = pt_reserve(&r->pt, in, len);
	CHECK(err == -ENOMEM ? starved : err == (large ? -EEXIST : 0));
	finish(r, &g, before);
	if (!err) { /* mapping there needs no memory any more */
		allocs_left = 0;
		random_map(r, in, len, false);
	}
}

static void
test_random(enum format f, unsigned levels, u64 base, bool flush, u8 leaf_levels)
{
	static struct run r;
	struct pt_gather g = {0};
	u64 in, len, removed;

	test("%s, %u levels, from 0x%lx%s%s: 10000 random operations", fmts[f]->name, levels, base,
		flush ? ", flushed" : "", leaf_levels == 7 ? "" : ", small leaves only");
	memset(model, 0, sizeof(model));
	r = (struct run){.f = f, .base = base};
	CHECK(pt_init(&r.pt, fmts[f], levels, flush) == 0);
	r.pt.leaf_levels = leaf_levels;
	for (unsigned n = 1; n <= 10000 && !test_failed(); n++) {
		bool starved = rnd_below(8) == 0;
		unsigned what = rnd_below(16), level;

		pick(&r, &in, &len);
		allocs_left = starved ? (long)rnd_below(5) : -1;
		if (what < 7)
			random_map(&r, in, len, starved);
		else if (what < 14)
			random_unmap(&r, in, len, starved);
		else
			random_reserve(&r, in, len, starved);
		verify(&r, in, len);
		if (leaf_levels == 1 && walk(&r.pt, f, in, &level))
			CHECK(level == 0);
		if (n % 2500 == 0)
			for (u64 at = 0; at < WINDOW && !test_failed(); at += PAGE_SIZE)
				verify_page(&r, base + at);
	}
	if (!test_failed()) {
		CHECK(pt_unmap(&r.pt, base, WINDOW, &removed, &g) == 0);
		pt_gather_free(&r.pt, &g);
		for (u64 at = 0; at < WINDOW; at += 61 * PAGE_SIZE)
			CHECK(!mapped(&r.pt, base + at));
	}
	pt_destroy(&r.pt);
	CHECK(live_pages == 0 && r.pt.tables == 0);
}

/* Every permission at every level, then a split: raw entries. */
static void
test_bits(enum format f)
{
	struct pt pt;
	struct pt_gather g = {0};
	const u64 in = 5 * GIB, out = 0xabcdc0000000UL;
	u64 removed;
	unsigned level;

	test("%s: entries have the bits that the manual says", fmts[f]->name);
	for (unsigned perm = 0; perm <= ALL_PERMS; perm++) {
		/* neither readable nor writable says "empty" to VT-d and EPT */
		if (!(perm & (PT_R | PT_W)) && !(f == EPT && perm & PT_X))
			continue;
		for (unsigned l = 0; l < 3; l++) {
			u64 size = pt_level_size(l), part = size / 512;
			CHECK(pt_init(&pt, fmts[f], 0, false) == 0 && pt.levels == 4);
			CHECK(pt_map(&pt, in, out, size, perm, &g) == 0);
			CHECK(walk(&pt, f, in, &level) == (out | leaf_bits(f, perm, l)));
			CHECK(level == l);
			if (l) {
				CHECK(pt_unmap(&pt, in, part, &removed, &g) == 0);
				CHECK(removed == part && covers(&g, in, in + size));
				CHECK(walk(&pt, f, in, &level) == 0 && level == l - 1);
			}
			for (u64 i = 1; l && i < 512; i++)
				CHECK(walk(&pt, f, in + i * part, &level) ==
						((out + i * part) | leaf_bits(f, perm, l - 1)) &&
					level == l - 1);
			CHECK(!mapped(&pt, in - PAGE_SIZE) && !mapped(&pt, in + size));
			pt_gather_free(&pt, &g);
			pt_destroy(&pt);
		}
	}
}

/* A map and a split that fail at their first, second, … allocation. */
static void
test_starved(enum format f)
{
	struct pt pt;
	struct pt_gather g = {0};
	const u64 in = 3 * GIB - 2 * MIB - PAGE_SIZE, len = GIB + 4 * MIB + 2 * PAGE_SIZE;
	u64 removed;
	int err = -ENOMEM;

	test("%s: out of memory leaves nothing mapped and nothing leaked", fmts[f]->name);
	allocs_left = 0;
	CHECK(pt_init(&pt, fmts[f], 0, false) == -ENOMEM && live_pages == 0);
	pt_destroy(&pt);
	for (long n = 0; err; n++) {
		allocs_left = -1;
		CHECK(pt_init(&pt, fmts[f], 0, false) == 0);
		allocs_left = n;
		err = pt_map(&pt, in, in, len, PT_R | PT_W, &g);
		CHECK(err == 0 || err == -ENOMEM);
		for (u64 at = 0; at < len; at += PAGE_SIZE)
			CHECK(mapped(&pt, in + at) == !err);
		if (err) {
			CHECK(g.start == g.end || g.start == in);
			pt_gather_free(&pt, &g);
			pt_destroy(&pt);
			CHECK(live_pages == 0 && n < 20);
		}
	}
	/* A hole of one page in the 1 GiB leaf takes two tables: none, the first, no second. */
	for (long n = 0; n < 3; n++) {
		allocs_left = n & 1;
		CHECK(pt_unmap(&pt, 3 * GIB + 5 * PAGE_SIZE, PAGE_SIZE, &removed, &g) == -ENOMEM);
		CHECK(removed == 0 && mapped(&pt, 3 * GIB + 5 * PAGE_SIZE));
		pt_gather_free(&pt, &g);
	}
	allocs_left = 1;
	CHECK(pt_unmap(&pt, 3 * GIB + 5 * PAGE_SIZE, PAGE_SIZE, &removed, &g) == 0);
	CHECK(removed == PAGE_SIZE && !mapped(&pt, 3 * GIB + 5 * PAGE_SIZE));
	allocs_left = -1;
	pt_gather_free(&pt, &g);
	pt_destroy(&pt);
	CHECK(live_pages == 0);
}

/* Table pages stay until the gather is freed, whatever fell out of use. */
static void
test_dead(enum format f)
{
	struct pt pt;
	struct pt_gather g = {0};
	u64 removed;
	unsigned pages;

	test("%s: dead tables live until the gather is freed", fmts[f]->name);
	CHECK(pt_init(&pt, fmts[f], 0, false) == 0);
	for (u64 at = 0; at < GIB; at += 64 * MIB)
		CHECK(pt_map(&pt, GIB + at, PAGE_SIZE, PAGE_SIZE, PT_R, &g) == 0);
	pages = live_pages;
	CHECK(pt_unmap(&pt, 0, 4 * GIB, &removed, &g) == 0);
	CHECK(removed == 16 * PAGE_SIZE && covers(&g, GIB, 2 * GIB - 64 * MIB + PAGE_SIZE));
	CHECK(g.tables && live_pages == pages && pt.tables == pages);
	pt_gather_free(&pt, &g);
	CHECK(live_pages == pages - 17 && pt.tables == live_pages);
	/* …and the freed range takes a leaf of 1 GiB again. */
	CHECK(pt_map(&pt, GIB, GIB, GIB, PT_R, &g) == 0 && live_pages == pages - 17);
	/* But what was reserved stays so: a window of 2 MiB is mapped again without memory. */
	CHECK(pt_reserve(&pt, 4 * GIB, 2 * MIB) == 0);
	allocs_left = 0;
	for (unsigned n = 0; n < 2; n++) {
		CHECK(pt_map(&pt, 4 * GIB, 0, 2 * MIB, PT_R, &g) == 0);
		CHECK(pt_unmap(&pt, 4 * GIB, 2 * MIB, &removed, &g) == 0 && !g.tables);
	}
	allocs_left = -1;
	pt_destroy(&pt);
	CHECK(live_pages == 0);
}

static void
test_range(enum format f, unsigned levels)
{
	struct pt pt;
	struct pt_gather g = {0};
	const u64 reach = PAGE_SIZE << 9 * levels, p = PAGE_SIZE;
	const struct {
		u64 in, out, len;
	} bad[] = {{reach, 0, p}, {reach - p, 0, 2 * p}, {0, 0, reach + p}, {p, 0, -p}, {0, 0, 0},
		{1, 0, p}, {0, 1, p}, {0, 0, p + 1}, {0, 0, 1}, {reach << 1, 0, p},
		{1UL << 52, 0, p}};
	u64 removed;

	test("%s, %u levels: -ERANGE out of reach or not aligned", fmts[f]->name, levels);
	CHECK(pt_init(&pt, fmts[f], levels, false) == 0);
	for (unsigned i = 0; i < NELEM(bad); i++) {
		bool in_bad = bad[i].out == 0;
		CHECK(pt_map(&pt, bad[i].in, bad[i].out, bad[i].len, PT_R, &g) == -ERANGE);
		if (in_bad) {
			CHECK(pt_unmap(&pt, bad[i].in, bad[i].len, &removed, &g) == -ERANGE);
			CHECK(pt_reserve(&pt, bad[i].in, bad[i].len) == -ERANGE);
		}
	}
	CHECK(live_pages == 1 && !mapped(&pt, 0));
	CHECK(pt_map(&pt, 0, 0, p, PT_R, &g) == 0);
	CHECK(!mapped(&pt, reach) && !mapped(&pt, 1UL << 60) && !mapped(&pt, -p));
	CHECK(pt_map(&pt, reach - p, 0, p, PT_R, &g) == 0 || f == CPU);
	pt_destroy(&pt);
	CHECK(live_pages == 0);
}

/* A window of nine pages whose tables stand: filled all or not at all, emptied and counted. */
static void
test_window(enum format f)
{
	const u64 in = GIB + 3 * PAGE_SIZE, out = 0xabc000000UL;
	struct pt pt;
	u64 *e, at;

	test("%s: a window is filled, looked up and emptied", fmts[f]->name);
	CHECK(pt_init(&pt, fmts[f], 0, false) == 0);
	CHECK(pt_reserve(&pt, in, 9 * PAGE_SIZE) == 0);
	CHECK(!pt_entries(&pt, 2 * GIB - PAGE_SIZE, 2));
	if (CHECK((e = pt_entries(&pt, in, 9)))) {
		CHECK(pt_fill(&pt, e + 4, out, 5, PT_R | PT_W));
		CHECK(!pt_fill(&pt, e, out, 9, PT_R) && !mapped(&pt, in));
		for (unsigned i = 4; i < 9; i++)
			CHECK(pt_lookup(&pt, in + i * PAGE_SIZE, &at, NULL) &&
				at == out + (i - 4) * PAGE_SIZE);
		CHECK(!mapped(&pt, in + 9 * PAGE_SIZE));
		CHECK(pt_clear(&pt, e, 9) == 5 && pt_clear(&pt, e, 9) == 0);
		for (unsigned i = 0; i < 9; i++)
			CHECK(!mapped(&pt, in + i * PAGE_SIZE));
	}
	pt_destroy(&pt);
	CHECK(live_pages == 0);
}

/* The last 512 GiB of the CPU's addresses, where the ends of ranges wrap to 0. */
static void
test_top(void)
{
	struct pt pt;
	struct pt_gather g = {0};
	const u64 top = -2 * MIB, low = 4 * MIB;
	u64 removed;

	test("cpu: unmapping at the top removes what is there, and nothing else");
	CHECK(pt_init(&pt, &pt_fmt_cpu, 4, false) == 0);
	CHECK(pt_map(&pt, low, 0, GIB, PT_R, &g) == 0);
	CHECK(pt_map(&pt, top, 0, 2 * MIB, PT_R, &g) == 0 && mapped(&pt, -PAGE_SIZE));
	CHECK(pt_unmap(&pt, -2 * PAGE_SIZE, PAGE_SIZE, &removed, &g) == 0);
	CHECK(removed == PAGE_SIZE && !mapped(&pt, -2 * PAGE_SIZE));
	CHECK(pt_unmap(&pt, -PAGE_SIZE, PAGE_SIZE, &removed, &g) == 0);
	CHECK(removed == PAGE_SIZE && !mapped(&pt, -PAGE_SIZE));
	CHECK(mapped(&pt, top) && mapped(&pt, low) && mapped(&pt, low + GIB - 1));
	CHECK(pt_reserve(&pt, -PAGE_SIZE, PAGE_SIZE) == 0);
	pt_gather_free(&pt, &g);
	pt_destroy(&pt);
	CHECK(live_pages == 0);
}

/* pt_test [FORMAT]: of one format only what does not take long. */
int
main(int argc, char **argv)
{
	for (enum format f = CPU; f <= AMDVI; f++) {
		if (argc > 1 && strcmp(argv[1], fmts[f]->name) != 0)
			continue;
		test_bits(f);
		test_starved(f);
		test_dead(f);
		test_window(f);
		test_range(f, 4);
		test_random(f, 4, 511 * GIB, false, 7);
	}
	if (argc > 1)
		return test_done();
	for (enum format f = VTD; f <= AMDVI; f++) {
		test_range(f, 3);
		test_random(f, 3, 509 * GIB, f == VTD, 7); /* up to the end of its reach */
	}
	test_random(VTD, 4, 0, true, 1);
	test_random(CPU, 4, 0xffff800000000000UL, false, 7);
	test_top();
	test_random(CPU, 4, -WINDOW, false, 7);
	return test_done();
}
