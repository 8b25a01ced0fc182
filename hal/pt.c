#include "hal/pt.h"
#include "lib/abi.h"
#include "kernel/lib.h"
#include "kernel/x86.h"

#define LEVELS 4 /* most levels of every format */
#define ADDR   0x000ffffffffff000UL

const struct pt_fmt pt_fmt_cpu = {
	.name = "cpu",
	.sign_extended = true,
	.valid = 1,
	.table = 7, /* present, writable, user: the leaf decides */
	.leaf = 1,
	.large = BIT(7),
	.which = BIT(7),
	.bits = {{PT_W, BIT(1), 0}, {PT_X, 0, BIT(63)}, {PT_USER, BIT(2), 0},
		{PT_UNCACHED, BIT(3) | BIT(4), 0}, {PT_GLOBAL, BIT(8), 0}, {PT_COW, BIT(9), 0}},
};

/* A nested walk is made as a user access (AMD64 vol. 2, 15.25.5), so every entry has U=1. */
const struct pt_fmt pt_fmt_npt = {
	.name = "npt",
	.valid = 1,
	.table = 7,
	.leaf = 1 | BIT(2),
	.large = BIT(7),
	.which = BIT(7),
	.bits = {{PT_W, BIT(1), 0}, {PT_X, 0, BIT(63)}, {PT_UNCACHED, BIT(3) | BIT(4), 0}},
};

const struct pt_fmt pt_fmt_ept = {
	.name = "ept",
	.valid = 7,
	.table = 7,
	.large = BIT(7),
	.which = BIT(7),
	.bits = {{PT_R, BIT(0), 0}, {PT_W, BIT(1), 0}, {PT_X, BIT(2), 0},
		{PT_UNCACHED, 0, 6 << 3}}, /* memory type 0 = UC, 6 = WB */
};

const struct pt_fmt pt_fmt_vtd = {
	.name = "vtd",
	/* LAB 4: step 1: the second stage of VT-d, as data: which bits say what (9.8). */
	.valid = 3,
	.table = 3,
	.large = BIT(7),
	.which = BIT(7),
	.bits = {{PT_R, BIT(0), 0}, {PT_W, BIT(1), 0}},
	.first = BIT(52),
	/* LAB 4 ELSE
	LAB 4 END */
};

const struct pt_fmt pt_fmt_amdvi = {
	.name = "amdvi",
	.next_level = true,
	.valid = 1,
	.table = 1 | BIT(61) | BIT(62),
	.leaf = 1 | BIT(60), /* FC: force coherent */
	.which = 7 << 9,     /* the next level: 0 */
	.bits = {{PT_R, BIT(61), 0}, {PT_W, BIT(62), 0}},
	.first = BIT(1),
};

/* Stores an entry with one 64-bit write: the walker in the device may read at any time. */
static void
set_entry(struct pt *pt, u64 *e, u64 v)
{
	WRITE_ONCE(*e, v);
	if (pt->flush)
		clflush(e);
}

/* Makes a zeroed table page, flushed if the reader does not snoop. */
static u64 *
table_alloc(struct pt *pt, paddr_t *pa)
{
	u64 *t = pt_page_alloc(pa);

	if (!t)
		return NULL;
	pt->tables++;
	if (pt->flush)
		for (unsigned i = 0; i < 512; i += 8)
			clflush(t + i);
	return t;
}

static unsigned
index_at(u64 in, unsigned level)
{
	return in >> (PAGE_SHIFT + 9 * level) & 511;
}

static bool
is_valid(const struct pt *pt, u64 e)
{
	return e & pt->fmt->valid;
}

/* Whether a valid entry at `level` maps memory (else it points to a table). */
static bool
is_leaf(const struct pt *pt, u64 e, unsigned level)
{
	return level == 0 || (e & pt->fmt->which) == pt->fmt->large;
}

static u64 *
table_at(const struct pt *pt, u64 e)
{
	return pt_page_virt(e & ADDR);
}

static u64
table_entry(const struct pt *pt, paddr_t pa, unsigned level)
{
	return pa | pt->fmt->table | (pt->fmt->next_level ? (u64)level << 9 : 0);
}

/* The entry of a leaf at `level` that maps to `out`. */
static u64
leaf_entry(const struct pt_fmt *fmt, u64 out, unsigned perm, unsigned level)
{
	u64 e = out | fmt->leaf | (level ? fmt->large : 0) | (perm & PT_FIRST ? fmt->first : 0);

	for (unsigned i = 0; i < NELEM(fmt->bits) && fmt->bits[i].perm; i++)
		e |= perm & fmt->bits[i].perm ? fmt->bits[i].set : fmt->bits[i].clear;
	return e;
}

static unsigned
entry_perm(const struct pt_fmt *fmt, u64 e)
{
	unsigned perm = PT_R | (e & fmt->first ? PT_FIRST : 0);

	for (unsigned i = 0; i < NELEM(fmt->bits) && fmt->bits[i].perm; i++) {
		u64 set = fmt->bits[i].set, clear = fmt->bits[i].clear;
		if (set ? (e & set) == set : !(e & clear))
			perm |= fmt->bits[i].perm;
		else
			perm &= ~fmt->bits[i].perm;
	}
	return perm;
}

static void
gather(struct pt_gather *g, u64 start, u64 end)
{
	if (g->start == g->end) {
		g->start = start;
		g->end = end;
	} else {
		g->start = MIN(g->start, start);
		if (end - 1 > g->end - 1) /* the end may be 2^64, that is 0 */
			g->end = end;
	}
}

int
pt_init(struct pt *pt, const struct pt_fmt *fmt, unsigned levels, bool flush)
{
	*pt = (struct pt){
		.fmt = fmt, .levels = levels ? levels : LEVELS, .leaf_levels = 7, .flush = flush};
	pt->root = table_alloc(pt, &pt->root_pa);
	return pt->root ? 0 : -ENOMEM;
}

/*
 * The first entry from `i` on that points to a table; 512 if there is none. Most tables are nearly
 * empty: eight entries are looked at at once.
 */
static unsigned
next_table(const struct pt *pt, const u64 *table, unsigned level, unsigned i)
{
	for (; level > 0 && i < 512; i++) {
		const u64 *t = table + i;

		if (i % 8 == 0 && !(t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7]))
			i += 7;
		else if (is_valid(pt, *t) && !is_leaf(pt, *t, level))
			return i;
	}
	return 512;
}

static void
destroy_table(struct pt *pt, u64 *table, unsigned level)
{
	for (unsigned i = 0; (i = next_table(pt, table, level, i)) < 512; i++)
		destroy_table(pt, table_at(pt, table[i]), level - 1);
	pt->tables--;
	pt_page_free(table);
}

void
pt_destroy(struct pt *pt)
{
	if (pt->root)
		destroy_table(pt, pt->root, pt->levels - 1);
	pt->root = NULL;
}

/* Whether [in, in+len) is page-aligned and within the table's reach. */
static bool
in_reach(const struct pt *pt, u64 in, u64 len)
{
	bool halves = pt->fmt->sign_extended; /* two, the upper one at the very top */
	unsigned bits = PAGE_SHIFT + 9 * pt->levels - halves;
	u64 last = in + len - 1, top = (s64)in >> bits;

	return !((in | len) & PAGE_MASK) && last >= in && (in ^ last) >> bits == 0 &&
	       (top == 0 || (halves && top == ~0UL));
}

/* Replaces a leaf at `level` by a table of leaves one level below, same translation. */
static int
split(struct pt *pt, u64 *e, unsigned level)
{
	u64 out = *e & ADDR & ~(pt_level_size(level) - 1);
	unsigned perm = entry_perm(pt->fmt, *e);
	paddr_t pa;
	u64 *t = table_alloc(pt, &pa);

	if (!t)
		return -ENOMEM;
	for (unsigned i = 0; i < 512; i++)
		set_entry(pt, &t[i],
			leaf_entry(pt->fmt, out + i * pt_level_size(level - 1), perm, level - 1));
	set_entry(pt, e, table_entry(pt, pa, level));
	return 0;
}

/* The table below entry e at `level`, made if it is missing; NULL without memory. */
static u64 *
descend(struct pt *pt, u64 *e, unsigned level)
{
	paddr_t pa;
	u64 *t;

	if (is_valid(pt, *e))
		return table_at(pt, *e);
	t = table_alloc(pt, &pa);
	if (t)
		set_entry(pt, e, table_entry(pt, pa, level));
	return t;
}

/* The last entry on the way down to `in`: a leaf, or one that is empty. *shift: of what it maps. */
static u64 *
entry_of(const struct pt *pt, u64 in, unsigned *shift)
{
	const struct pt_fmt *fmt = pt->fmt;
	u64 *t = pt->root;

	for (*shift = PAGE_SHIFT + 9 * (pt->levels - 1);; *shift -= 9) {
		u64 *p = &t[in >> *shift & 511], e = READ_ONCE(*p);

		if (*shift == PAGE_SHIFT || !(e & fmt->valid) || (e & fmt->which) == fmt->large)
			return p;
		t = pt_page_virt(e & ADDR);
	}
}

/* Maps one leaf, the largest that fits at `in`; returns its size, 0 and *err on failure. */
static u64
map_one(struct pt *pt, u64 in, u64 out, u64 len, unsigned perm, int *err)
{
	unsigned shift;
	u64 *e = entry_of(pt, in, &shift), *t;

	*err = is_valid(pt, *e) ? -EEXIST : 0;
	for (unsigned level = (shift - PAGE_SHIFT) / 9; !*err; level--) {
		u64 size = pt_level_size(level);

		if (pt->leaf_levels >> level & 1 && !((in | out) & (size - 1)) && len >= size) {
			set_entry(pt, e, leaf_entry(pt->fmt, out, perm, level));
			return size;
		}
		if ((t = descend(pt, e, level)))
			e = &t[index_at(in, level - 1)];
		else
			*err = -ENOMEM;
	}
	return 0;
}

/*
 * The table of 4 KiB leaves that `in` is in. NULL with *err 0: there is none, a hole; -EEXIST: a
 * larger leaf covers it.
 */
static u64 *
leaf_table(const struct pt *pt, u64 in, int *err)
{
	unsigned shift;
	u64 *e = entry_of(pt, in, &shift);

	*err = shift > PAGE_SHIFT && is_valid(pt, *e) ? -EEXIST : 0;
	return shift == PAGE_SHIFT ? (u64 *)ROUND_DOWN((u64)e, PAGE_SIZE) : NULL;
}

/* The same; makes what is missing, or -ENOMEM. */
static u64 *
make_leaf_table(struct pt *pt, u64 in, int *err)
{
	u64 *t = leaf_table(pt, in, err);

	if (t || *err)
		return t;
	t = pt->root;
	for (unsigned level = pt->levels - 1; t && level > 0; level--)
		t = descend(pt, &t[index_at(in, level)], level);
	if (!t)
		*err = -ENOMEM;
	return t;
}

int
pt_reserve(struct pt *pt, u64 in, u64 len)
{
	u64 at = ROUND_DOWN(in, pt_level_size(1)), span = in + len - at;
	int err = in_reach(pt, in, len) ? 0 : -ERANGE;

	for (u64 done = 0; !err && done < span; done += pt_level_size(1))
		make_leaf_table(pt, at + done, &err);
	return err;
}

/* Pages of 4 KiB: n from out[0] on, or if `list` at out[0 … n-1]. Returns how many; *err why. */
static unsigned
map_small(struct pt *pt, u64 in, const u64 out[], bool list, unsigned n, unsigned perm, int *err)
{
	u64 flags = leaf_entry(pt->fmt, 0, perm, 0), *t = NULL;

	*err = 0;
	for (unsigned i = 0; i < n; i++, in += PAGE_SIZE) {
		u64 pa = list ? out[i] : out[0] + i * PAGE_SIZE, *e;

		if ((!t || index_at(in, 0) == 0) && !(t = make_leaf_table(pt, in, err)))
			return i;
		e = &t[index_at(in, 0)];
		if (is_valid(pt, *e)) {
			*err = -EEXIST;
			return i;
		}
		set_entry(pt, e, pa | flags);
		flags &= ~pt->fmt->first;
	}
	return n;
}

u64 *
pt_entries(struct pt *pt, u64 in, unsigned n)
{
	int err;
	u64 *t = leaf_table(pt, in, &err);

	return t && index_at(in, 0) + n <= 512 ? &t[index_at(in, 0)] : NULL;
}

bool
pt_fill(struct pt *pt, u64 *entry, u64 out, unsigned n, unsigned perm)
{
	/* LAB 4: step 2: look at all n entries first, then fill them, each a page further. */
	u64 e = leaf_entry(pt->fmt, out, perm, 0);

	for (unsigned i = 0; i < n; i++)
		if (is_valid(pt, entry[i]))
			return false;
	for (; n; n--, entry++, e += PAGE_SIZE)
		set_entry(pt, entry, e);
	return true;
	/* LAB 4 ELSE
	return false;
	LAB 4 END */
}

unsigned
pt_clear(struct pt *pt, u64 *entry, unsigned n)
{
	/* LAB 4: step 2: empty the entries; return how many of them were valid. */
	unsigned mapped = 0;

	for (; n; n--, entry++) {
		mapped += is_valid(pt, *entry);
		set_entry(pt, entry, 0);
	}
	return mapped;
	/* LAB 4 ELSE
	return 0;
	LAB 4 END */
}

/* What was entered before an error goes again. */
int
pt_map_pages(struct pt *pt, u64 in, const u64 out[], unsigned n, unsigned perm, struct pt_gather *g)
{
	u64 removed;
	int err;

	if (!in_reach(pt, in, (u64)n * PAGE_SIZE))
		return -ERANGE;
	unsigned done = map_small(pt, in, out, true, n, perm, &err);
	if (err && done)
		pt_unmap(pt, in, done * PAGE_SIZE, &removed, g);
	return err;
}

int
pt_map(struct pt *pt, u64 in, u64 out, u64 len, unsigned perm, struct pt_gather *g)
{
	u64 done = 0, size, removed;
	int err = 0;

	if (!in_reach(pt, in, len) || out & ~ADDR || (out + len - 1) >> 52)
		return -ERANGE;
	if (len < pt_level_size(1)) /* no larger leaf fits */
		done = (u64)map_small(pt, in, &out, false, len / PAGE_SIZE, perm, &err) * PAGE_SIZE;
	for (; done < len && !err; done += size) {
		size = map_one(pt, in + done, out + done, len - done, perm, &err);
		if (!size)
			break;
	}
	if (err && done)
		pt_unmap(pt, in, done, &removed, g); /* our own leaves: no split, cannot fail */
	return err;
}

/* Puts a table and the tables below it on the dead list; how many bytes they mapped. */
static u64
bury(struct pt *pt, u64 *table, unsigned level, struct pt_gather *g)
{
	u64 mapped = 0;

	for (unsigned i = 0; i < 512; i++)
		if (is_valid(pt, table[i]))
			mapped += is_leaf(pt, table[i], level)
					  ? pt_level_size(level)
					  : bury(pt, table_at(pt, table[i]), level - 1, g);
	/*
	 * The hardware may still walk this page until the invalidation is done, so its entries
	 * must stay harmless: the link is an address with no valid bit set.
	 */
	memset(table, 0, PAGE_SIZE);
	table[0] = (u64)g->tables & ~pt->fmt->valid;
	g->tables = table;
	return mapped;
}

static int
unmap_level(struct pt *pt, u64 *table, unsigned level, u64 in, u64 end, u64 *removed,
	struct pt_gather *g)
{
	u64 size = pt_level_size(level), step;
	int err = 0;

	/* The end may be 2^64, that is 0: so no comparison by size. */
	for (; in != end && !err; in += step) {
		u64 *e = &table[index_at(in, level)], old = *e;

		step = MIN(size - (in & (size - 1)), end - in);
		if (!is_valid(pt, old))
			continue;
		if (is_leaf(pt, old, level) && step < size) {
			if ((err = split(pt, e, level)))
				break;
			gather(g, ROUND_DOWN(in, size), ROUND_DOWN(in, size) + size);
		}
		if (step < size || (level == 1 && !is_leaf(pt, old, level))) {
			/* Tables of 4 KiB leaves are kept even if empty: windows reserve them. */
			err = unmap_level(
				pt, table_at(pt, *e), level - 1, in, in + step, removed, g);
			continue;
		}
		set_entry(pt, e, 0);
		gather(g, in, in + step);
		*removed += is_leaf(pt, old, level) ? size
						    : bury(pt, table_at(pt, old), level - 1, g);
	}
	return err;
}

int
pt_unmap(struct pt *pt, u64 in, u64 len, u64 *removed, struct pt_gather *g)
{
	u64 end = in + len, *t;
	int err;

	*removed = 0;
	if (!in_reach(pt, in, len))
		return -ERANGE;
	/* Most often it is a few pages in one table. */
	if (len >= pt_level_size(1) || (in ^ (end - 1)) >> (PAGE_SHIFT + 9) ||
		!(t = leaf_table(pt, in, &err)))
		return unmap_level(pt, pt->root, pt->levels - 1, in, end, removed, g);
	gather(g, in, end);
	for (; in != end; in += PAGE_SIZE) {
		u64 *e = &t[index_at(in, 0)];

		if (is_valid(pt, *e)) {
			set_entry(pt, e, 0);
			*removed += PAGE_SIZE;
		}
	}
	return 0;
}

bool
pt_lookup(const struct pt *pt, u64 in, u64 *out, unsigned *perm)
{
	unsigned shift;
	u64 e, offset;

	if (!in_reach(pt, ROUND_DOWN(in, PAGE_SIZE), PAGE_SIZE))
		return false;
	e = READ_ONCE(*entry_of(pt, in, &shift));
	if (!is_valid(pt, e))
		return false;
	offset = BIT(shift) - 1;
	if (out)
		*out = (e & ADDR & ~offset) | (in & offset);
	if (perm)
		*perm = entry_perm(pt->fmt, e);
	return true;
}

unsigned
pt_lookup_pages(const struct pt *pt, u64 in, u64 out[], unsigned n)
{
	const struct pt_fmt *fmt = pt->fmt;
	unsigned i = 0, shift;

	while (i < n && in_reach(pt, in, PAGE_SIZE)) {
		const u64 *p = entry_of(pt, in, &shift);
		u64 e = READ_ONCE(*p), left = BIT(shift) - (in & (BIT(shift) - 1));

		if (!(e & fmt->valid))
			break;
		if (shift == PAGE_SHIFT) { /* on through its table */
			for (left = 512 - index_at(in, 0);;) {
				out[i++] = (e & ADDR) | !!(e & fmt->first);
				in += PAGE_SIZE;
				if (i == n || --left == 0)
					break;
				if (!((e = READ_ONCE(*++p)) & fmt->valid))
					return i;
			}
			continue;
		}
		for (e = (e & ADDR & ~(BIT(shift) - 1)) + BIT(shift) - left; left && i < n;
			left -= PAGE_SIZE) {
			out[i++] = e;
			e += PAGE_SIZE;
			in += PAGE_SIZE;
		}
	}
	return i;
}

bool
pt_next(const struct pt *pt, u64 *in)
{
	u64 end = pt_level_size(pt->levels) / (pt->fmt->sign_extended ? 2 : 1);
	unsigned shift;

	while (*in < end) {
		if (is_valid(pt, READ_ONCE(*entry_of(pt, *in, &shift))))
			return true;
		/* nothing there: on to the next entry */
		*in = ROUND_DOWN(*in, BIT(shift)) + BIT(shift);
	}
	return false;
}

void
pt_gather_free(struct pt *pt, struct pt_gather *g)
{
	while (g->tables) {
		u64 *t = g->tables;
		g->tables = (u64 *)t[0];
		pt->tables--;
		pt_page_free(t);
	}
	*g = (struct pt_gather){0};
}
