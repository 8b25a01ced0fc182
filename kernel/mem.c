#include "kernel/mem.h"
#include "kernel/bootinfo.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/x86.h"

extern char __text_start[], __text_end[], __rodata_start[], __rodata_end[], __data_start[],
	__kernel_end[], __boot_start[];

#define LOW_LIMIT (4UL << 30) /* what the boot tables map */

struct pt kernel_pt;
static struct memrange early; /* where early_alloc() takes from */

void *
pt_page_alloc(paddr_t *pa)
{
	void *page = page_alloc(FRAME_TABLE);

	if (page)
		*pa = virt_to_phys(page);
	return page;
}

void
pt_page_free(void *page)
{
	page_free(page, FRAME_TABLE);
}

const u64 pt_page_base = DIRECT_BASE;

paddr_t
virt_to_phys_image(const void *p)
{
	if ((u64)p < KERNEL_BASE)
		panic("%p is in neither the direct map nor the image", p);
	return (u64)p - KERNEL_BASE;
}

void *
early_alloc(size_t n)
{
	paddr_t pa = early.base;

	n = ROUND_UP(n, PAGE_SIZE);
	if (n > early.len)
		panic("too little memory: give the machine at least 64 MiB");
	early.base += n;
	early.len -= n;
	return memset(phys_to_virt(pa), 0, n);
}

/*
 * Calls fn for every piece of RAM in [lo, hi) that is free to use: not the first MiB (firmware, and
 * the page where other CPUs start), the image, or the boot module.
 */
static void
for_free_ram(paddr_t lo, paddr_t hi, void (*fn)(paddr_t, paddr_t))
{
	const struct memrange *m = &bootinfo.module, *r = bootinfo.ram;
	const paddr_t image = virt_to_phys(__kernel_end);
	const paddr_t gap[][2] = {{image, ROUND_DOWN(m->base, PAGE_SIZE)},
		{MAX(image, ROUND_UP(m->base + m->len, PAGE_SIZE)), ~0UL}};

	for (; r < bootinfo.ram + bootinfo.nram; r++) {
		for (unsigned i = 0; i < NELEM(gap); i++) {
			paddr_t base = MAX(r->base, MAX(lo, gap[i][0]));
			paddr_t end = MIN(r->base + r->len, MIN(hi, gap[i][1]));
			if (base < end)
				fn(base, end);
		}
	}
}

static void
find_early(paddr_t base, paddr_t end)
{
	if (end - base > early.len)
		early = (struct memrange){base, end - base};
}

static void
add_low(paddr_t base, paddr_t end)
{
	if (base <= early.base && end == early.base + early.len)
		base = early.base; /* below it lies what early_alloc() gave out */
	frames_add(base, end);
}

static void
map_kernel(u64 va, paddr_t pa, u64 len, unsigned perm)
{
	struct pt_gather none = {0};
	int err = len ? pt_map(&kernel_pt, va, pa, len, perm | PT_R | PT_GLOBAL, &none) : 0;

	if (err)
		panic("cannot map %lx bytes at %lx: %s", len, va, strerror(err));
}

/* The direct map of one RAM range. Text and constants are read-only there too. */
static void
map_direct(paddr_t base, paddr_t end)
{
	paddr_t ro = virt_to_phys(__text_start), ro_end = virt_to_phys(__rodata_end);

	if (base <= ro && ro_end <= end) {
		map_kernel(DIRECT_BASE + base, base, ro - base, PT_W);
		map_kernel(DIRECT_BASE + ro, ro, ro_end - ro, 0);
		base = ro_end;
	}
	map_kernel(DIRECT_BASE + base, base, end - base, PT_W);
}

static void
map_image(const char *start, const char *end, unsigned perm)
{
	map_kernel((u64)start, virt_to_phys(start), ROUND_UP((u64)(end - start), PAGE_SIZE), perm);
}

void
mem_init(void)
{
	const struct memrange *r, *end = bootinfo.ram + bootinfo.nram;
	paddr_t top = 0;

	for_free_ram(0, LOW_LIMIT, find_early);
	if (!early.len)
		panic("no memory: the boot loader gave no memory map");
	for (r = bootinfo.ram; r < end; r++)
		top = MAX(top, r->base + r->len);
	frames_init(top);
	for_free_ram(0, LOW_LIMIT, add_low);

	/* From here on tables come from the allocator; all of them still below 4 GiB. */
	if (pt_init(&kernel_pt, &pt_fmt_cpu, 4, false))
		panic("no memory for the kernel's page tables");
#ifdef DEBUG
	kernel_pt.leaf_levels = 1; /* hiding a page shall not make tables, which tests count */
#endif
	for (r = bootinfo.ram; r < end; r++)
		map_direct(r->base, r->base + r->len);
	map_image(__text_start, __text_end, PT_X);
	map_image(__rodata_start, __rodata_end, 0);
	map_image(__data_start, __kernel_end, PT_W);
	/* Each process copies the upper half of the root once, so its tables must exist now. */
	if (pt_reserve(&kernel_pt, IOMAP_BASE, PAGE_SIZE))
		panic("no memory for the kernel's page tables");
	mem_init_cpu();
	for_free_ram(LOW_LIMIT, ~0UL, frames_add);
}

void
mem_load_kernel(void)
{
	write_cr3(kernel_pt.root_pa);
}

void
mem_init_cpu(void)
{
	u32 r[4];
	u64 cr4 = read_cr4() | BIT(7); /* PGE: global pages */

	cpuid(0, 0, r);
	if (r[0] >= 7) {
		cpuid(7, 0, r);
		cr4 |= (r[1] & BIT(7) ? CR4_SMEP : 0) | (r[1] & BIT(20) ? CR4_SMAP : 0) |
		       (r[2] & BIT(2) ? CR4_UMIP : 0);
	}
	mem_load_kernel();
	write_cr4(cr4);
	this_cpu()->smap = cr4 & CR4_SMAP;
	/* No floating point in the kernel or in user programs: using it is a trap. */
	write_cr0(read_cr0() | CR0_WP | CR0_EM | CR0_MP | CR0_TS);
}

static struct {
	struct spinlock lock;
	u64 next; /* virtual address */
	unsigned n;
	struct iomap {
		paddr_t pa;
		size_t len;
		unsigned perm;
		void *va;
	} map[256];
} io = {.lock = SPINLOCK_INIT("iomap"), .next = IOMAP_BASE};

static void *
map_phys(paddr_t pa, size_t len, unsigned perm)
{
	paddr_t first = ROUND_DOWN(pa, PAGE_SIZE);
	u64 pages = ROUND_UP(pa + len, PAGE_SIZE) - first;
	struct pt_gather none = {0};
	void *va = NULL;

	spin_lock(&io.lock);
	for (unsigned i = 0; i < io.n && !va; i++)
		if (io.map[i].pa == first && io.map[i].len >= pages && io.map[i].perm == perm)
			va = io.map[i].va;
	if (!va && pages >= pt_level_size(1)) /* as the address, so that large leaves fit */
		io.next = ROUND_UP(io.next, pt_level_size(1)) + first % pt_level_size(1);
	if (!va && io.n < NELEM(io.map) &&
		pt_map(&kernel_pt, io.next, first, pages, perm | PT_R | PT_GLOBAL, &none) == 0) {
		va = (void *)io.next;
		io.map[io.n++] = (struct iomap){first, pages, perm, va};
		io.next += pages + PAGE_SIZE; /* a hole, to catch overruns */
	}
	spin_unlock(&io.lock);
	return va ? (char *)va + (pa & PAGE_MASK) : NULL;
}

void *
map_device(paddr_t pa, size_t len)
{
	return map_phys(pa, len, PT_W | PT_UNCACHED);
}

void *
map_firmware(paddr_t pa, size_t len)
{
	return map_phys(pa, len, 0);
}

int
aspace_create(struct aspace *as)
{
	int err = pt_init(&as->pt, &pt_fmt_cpu, 4, false);

	if (err)
		return err;
	memcpy(as->pt.root + 256, kernel_pt.root + 256, PAGE_SIZE / 2);
	as->brk = as->heap = USER_BASE;
	return 0;
}

/* Calls for each mapped user page; stops at the first error. */
static int
for_user_pages(const struct aspace *as, int (*fn)(struct aspace *, u64, paddr_t, unsigned),
	struct aspace *arg)
{
	const u64 range[2][2] = {{USER_BASE, ROUND_UP(as->brk, PAGE_SIZE)}, {USER_STACK, USER_TOP}};
	unsigned perm;
	paddr_t pa;
	int err;

	for (unsigned i = 0; i < 2; i++)
		for (u64 va = range[i][0]; va < range[i][1]; va += PAGE_SIZE)
			if (pt_lookup(&as->pt, va, &pa, &perm) && (err = fn(arg, va, pa, perm)))
				return err;
	return 0;
}

static int
free_one(struct aspace *as, u64 va, paddr_t pa, unsigned perm)
{
	frame_unshare(pa);
	return 0;
}

/* Frees pages and tables. The address space must be loaded on no CPU. */
void
aspace_destroy(struct aspace *as)
{
	if (!as->pt.root)
		return;
	for_user_pages(as, free_one, as);
	memset(as->pt.root + 256, 0, PAGE_SIZE / 2); /* the kernel's tables are not ours */
	pt_destroy(&as->pt);
}

static int
map_user_page(struct aspace *as, u64 va, unsigned perm)
{
	struct pt_gather none = {0};
	void *page = page_alloc(FRAME_USER);
	int err;

	if (!page)
		return -ENOMEM;
	err = pt_map(&as->pt, va, virt_to_phys(page), PAGE_SIZE, perm | PT_R | PT_USER, &none);
	if (err)
		page_free(page, FRAME_USER);
	return err;
}

/* Replaces a page's mapping. The table is there, so this does not fail. */
static void
remap(struct aspace *as, u64 va, paddr_t pa, unsigned perm)
{
	struct pt_gather g = {0};
	u64 removed;

	pt_unmap(&as->pt, va, PAGE_SIZE, &removed, &g);
	pt_map(&as->pt, va, pa, PAGE_SIZE, perm, &g);
	invlpg(va); /* an address space is loaded on one CPU at most: this one */
}

/*
 * Shares a page of the current address space with its copy; what is writable is so no longer. But
 * what a device may write to stays the parent's, and the child gets a copy: as it is now.
 */
static int
share_one(struct aspace *to, u64 va, paddr_t pa, unsigned perm)
{
	struct pt_gather none = {0};
	int err;

	if (perm & PT_W && frame_pins(pa)) {
		if ((err = map_user_page(to, va, perm & (PT_W | PT_X))))
			return err;
		return copy_in(aspace_virt(to, va), va, PAGE_SIZE);
	}
	if (perm & PT_W) {
		perm = (perm & ~PT_W) | PT_COW;
		remap(&current()->as, va, pa, perm);
	}
	if (!(err = pt_map(&to->pt, va, pa, PAGE_SIZE, perm, &none)))
		frame_share(pa);
	return err;
}

int
aspace_copy(struct aspace *to, const struct aspace *from)
{
	int err = aspace_create(to);

	if (err)
		return err;
	to->brk = from->brk;
	to->heap = from->heap;
	err = for_user_pages(from, share_one, to);
	if (err)
		aspace_destroy(to);
	return err;
}

bool
aspace_fault(struct aspace *as, u64 va, bool write)
{
	unsigned perm;
	paddr_t pa;
	void *page;

	va = ROUND_DOWN(va, PAGE_SIZE);
	if (!pt_lookup(&as->pt, va, &pa, &perm)) { /* heap and stack: given when first touched */
		bool promised = (va >= as->heap && va < as->brk) || va >= USER_STACK;
		return promised && map_user_page(as, va, PT_W) == 0;
	}
	if (!write || !(perm & PT_COW))
		return false;
	perm = (perm & ~PT_COW) | PT_W;
	if (!frame_is_shared(pa)) { /* the others have copied, or ended */
		remap(as, va, pa, perm);
		return true;
	}
	if (!(page = page_alloc(FRAME_USER)))
		return false;
	memcpy(page, phys_to_virt(pa), PAGE_SIZE);
	remap(as, va, virt_to_phys(page), perm);
	frame_unshare(pa);
	return true;
}

void
aspace_shrink(struct aspace *as, u64 brk)
{
	u64 end = ROUND_UP(as->brk, PAGE_SIZE), removed;
	struct pt_gather g = {0};
	paddr_t pa;

	as->brk = brk;
	for (u64 va = ROUND_UP(brk, PAGE_SIZE); va < end; va += PAGE_SIZE) {
		if (!pt_lookup(&as->pt, va, &pa, NULL))
			continue;
		pt_unmap(&as->pt, va, PAGE_SIZE, &removed, &g);
		invlpg(va); /* only then may the frame become something else */
		frame_unshare(pa);
	}
	aspace_load(as); /* tables may be cached, too */
	pt_gather_free(&as->pt, &g);
}

void
aspace_load(const struct aspace *as)
{
	write_cr3(as->pt.root_pa);
}

int
aspace_grow(struct aspace *as, u64 va, u64 len, unsigned perm)
{
	u64 end = ROUND_UP(va + len, PAGE_SIZE);
	int err = 0;

	for (va = ROUND_DOWN(va, PAGE_SIZE); va < end && !err; va += PAGE_SIZE)
		if (!pt_lookup(&as->pt, va, NULL, NULL))
			err = map_user_page(as, va, perm);
	return err;
}

void *
aspace_virt(const struct aspace *as, u64 va)
{
	paddr_t pa;

	return va < USER_TOP && pt_lookup(&as->pt, va, &pa, NULL) ? phys_to_virt(pa) : NULL;
}

/* entry.S: copies, and returns the bytes not copied if a page fault ends it. */
size_t copy_user(void *dst, const void *src, size_t n, bool smap);

/* Between the kernel and [user, user+n). */
static int
copy(u64 user, size_t n, void *dst, const void *src)
{
	bool theirs = user >= PAGE_SIZE && user <= USER_TOP && n <= USER_TOP - user;

	return theirs && !copy_user(dst, src, n, this_cpu()->smap) ? 0 : -EFAULT;
}

int
copy_in(void *dst, u64 user_src, size_t n)
{
	return copy(user_src, n, dst, (void *)user_src);
}

int
copy_out(u64 user_dst, const void *src, size_t n)
{
	return copy(user_dst, n, (void *)user_dst, src);
}

int
copy_in_string(char *dst, u64 user_src, size_t size)
{
	for (size_t n = 0; n < size;) {
		size_t k = MIN(size - n, PAGE_SIZE - ((user_src + n) & PAGE_MASK)), got;

		if (copy_in(dst + n, user_src + n, k))
			return -EFAULT;
		got = strnlen(dst + n, k);
		n += got;
		if (got < k)
			return n;
	}
	return -ENAMETOOLONG;
}

int
user_page_pin(u64 va, bool write, void **at)
{
	struct aspace *as = &current()->as;
	unsigned perm;
	paddr_t pa;

	if (va < PAGE_SIZE || va >= USER_TOP)
		return -EFAULT;
	while (!pt_lookup(&as->pt, va, &pa, &perm) || (write && !(perm & PT_W)))
		if (!aspace_fault(as, va, write))
			return -EFAULT;
	*at = phys_to_virt(pa);
	frame_share(ROUND_DOWN(pa, PAGE_SIZE));
	frame_pin(ROUND_DOWN(pa, PAGE_SIZE));
	return 0;
}

void
user_page_unpin(paddr_t pa)
{
	pa = ROUND_DOWN(pa, PAGE_SIZE);
	frame_unpin(pa);
	frame_unshare(pa);
}

bool
mem_is_ram(paddr_t pa)
{
	for (unsigned i = 0; i < bootinfo.nram; i++)
		if (pa >= bootinfo.ram[i].base && pa - bootinfo.ram[i].base < bootinfo.ram[i].len)
			return true;
	return false;
}

static void
show_mem(struct text *t)
{
	static const char *const owner[] = {
#define X(name) #name,
		FRAME_OWNERS(X)
#undef X
	};

	text_printf(t, "%-10s %10s\n", "OWNER", "PAGES");
	for (int i = 0; i < FRAME_NOWNERS; i++)
		if (i != FRAME_RESERVED)
			text_printf(t, "%-10s %10lu\n", owner[i], frame_count(i));
	text_printf(t, "%-10s %10lu\n", "(BYTES)", heap_bytes);
}
PROC_FILE("mem", show_mem);
