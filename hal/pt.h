/*
 * One page-table walker for five formats. The formats are data (struct pt_fmt); the walker knows
 * no vendor, takes no lock and invalidates nothing. What it removed it hands back in a pt_gather:
 * the input range whose cached translations must be invalidated, and the table pages that fell out
 * of use. The caller invalidates, waits, and only then frees them with pt_gather_free().
 *
 * Formats: CPU and NPT: AMD64 manual vol. 2, 5.3 and 15.25. EPT: SDM vol. 3, 29.3. VT-d second
 * stage: VT-d specification 9.3 (legacy). AMD-Vi: AMD I/O virtualization specification 2.2.3.
 * No driver uses the EPT format yet; the tests do.
 */
#pragma once

#include "lib/types.h"

/* Permissions and memory type of a mapping. */
enum {
	PT_R = 1,
	PT_W = 2,
	PT_X = 4,
	PT_USER = 8,
	PT_UNCACHED = 16,
	PT_GLOBAL = 32,
	/* Marks that mean nothing to the hardware. */
	PT_COW = 64,    /* CPU: to be copied before it is written */
	PT_FIRST = 128, /* IOMMU: what one call mapped begins here */
};

struct pt_fmt {
	const char *name;
	bool next_level;    /* AMD-Vi: bits 11:9 of a table's entry say the level below */
	bool sign_extended; /* CPU: input addresses are canonical, in two halves */
	u64 valid;          /* an entry with none of these bits is empty */
	u64 table;          /* set in every entry that points to a table */
	u64 leaf;           /* set in every leaf */
	u64 which, large;   /* above level 0, a leaf has `large` in the bits `which` */
	u64 first;          /* PT_FIRST: a bit that the hardware ignores */
	struct {
		u32 perm;
		u64 set, clear; /* bits of a leaf with and without that permission */
	} bits[6];              /* ends with perm = 0, or full */
};

extern const struct pt_fmt pt_fmt_cpu, pt_fmt_npt, pt_fmt_ept, pt_fmt_vtd, pt_fmt_amdvi;

struct pt {
	const struct pt_fmt *fmt;
	u64 *root;
	paddr_t root_pa;
	u8 levels; /* of this table: root is at level levels-1 */
	/* Bit l: a leaf may stand at level l (0 = 4 KiB, 1 = 2 MiB, 2 = 1 GiB); pt_init(): all. */
	u8 leaf_levels;
	bool flush; /* the reader does not snoop our caches: CLFLUSH what we write */
	u32 tables; /* table pages in use, root included */
};

/* What an operation leaves to be invalidated and freed. Zero-initialise; may gather several. */
struct pt_gather {
	u64 start, end; /* input addresses; empty if start == end */
	u64 *tables;    /* table pages, linked through their first word */
};

/* Makes an empty table of `levels` levels (0: as many as the format has). -ENOMEM. */
int pt_init(struct pt *pt, const struct pt_fmt *fmt, unsigned levels, bool flush);
/* Frees every table page. Nothing may use the table any more. */
void pt_destroy(struct pt *pt);

/* Builds all tables down to level 0 for [in, in+len), so that pt_map there never allocates. */
int pt_reserve(struct pt *pt, u64 in, u64 len);

/*
 * Maps len bytes from input address `in` to output address `out`, all page-aligned, with the
 * largest leaves that fit. -EEXIST if anything there is mapped, -ERANGE beyond the table's
 * reach, -ENOMEM; a failed map leaves nothing mapped, and *g covers what was visible meanwhile.
 */
int pt_map(struct pt *pt, u64 in, u64 out, u64 len, unsigned perm, struct pt_gather *g);

/*
 * The same for n single pages from `in` on, wherever their output addresses lie; PT_FIRST marks
 * the first of them only.
 */
int pt_map_pages(
	struct pt *pt, u64 in, const u64 out[], unsigned n, unsigned perm, struct pt_gather *g);

/*
 * The entries of n pages from `in` on, whose tables pt_reserve() has made: NULL if they are in two
 * tables. They stay where they are as long as no unmap covers all of what a level above maps.
 */
u64 *pt_entries(struct pt *pt, u64 in, unsigned n);
/* Fills entries that are empty, with pages from `out` on; false and nothing done if one is not. */
bool pt_fill(struct pt *pt, u64 *entry, u64 out, unsigned n, unsigned perm);
/* Empties them; how many were mapped. */
unsigned pt_clear(struct pt *pt, u64 *entry, unsigned n);

/*
 * Removes what is mapped in [in, in+len); a leaf that sticks out is split first. Returns the
 * bytes removed in *removed (less than len if there were holes). -ENOMEM if a split failed.
 */
int pt_unmap(struct pt *pt, u64 in, u64 len, u64 *removed, struct pt_gather *g);

/* The output address and permission of `in`; false if nothing is mapped. Either may be NULL. */
bool pt_lookup(const struct pt *pt, u64 in, u64 *out, unsigned *perm);
/*
 * The output addresses of up to n pages from `in` on; returns how many, up to the first hole. Bit 0
 * of one is set if it is marked PT_FIRST.
 */
unsigned pt_lookup_pages(const struct pt *pt, u64 in, u64 out[], unsigned n);
/* Moves *in up to the next page that is mapped, if it is not; false if there is none. */
bool pt_next(const struct pt *pt, u64 *in);

/* Frees the dead table pages. To be called after the invalidation has completed. */
void pt_gather_free(struct pt *pt, struct pt_gather *g);

/* Bytes that a leaf at `level` maps. */
static inline u64
pt_level_size(unsigned level)
{
	return PAGE_SIZE << (9 * level);
}

/* What the walker needs from around it; the kernel and the tests on the build machine have one. */
void *pt_page_alloc(paddr_t *pa);
void pt_page_free(void *page);
extern const u64 pt_page_base; /* a table's address is its physical address and this */
static inline void *
pt_page_virt(paddr_t pa)
{
	return (void *)(pa + pt_page_base);
}
