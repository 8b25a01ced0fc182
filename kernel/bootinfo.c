/* Boot information and the command line. Nothing here trusts a length it has not checked. */
#include "kernel/bootinfo.h"
#include "kernel/lib.h"

struct bootinfo bootinfo;

/* Adds the whole pages of usable RAM in [base, base+len). */
static void
add_ram(struct bootinfo *bi, u64 base, u64 len)
{
	u64 end, limit = 1UL << 52;

	if (base >= limit || bi->nram == NELEM(bi->ram))
		return;
	end = ROUND_DOWN(base + MIN(len, limit - base), PAGE_SIZE);
	base = ROUND_UP(base, PAGE_SIZE);
	for (unsigned i = 0; i < bi->nram; i++) {
		/* Ranges that overlap would be mapped twice: what is known already is cut off. */
		struct memrange *r = &bi->ram[i];
		if (base < r->base + r->len && end > r->base) {
			if (base >= r->base)
				base = r->base + r->len;
			else
				end = r->base;
		}
	}
	if (base < end)
		bi->ram[bi->nram++] = (struct memrange){base, end - base};
}

struct mb2_tag {
	u32 type, size;
};
struct mb2_mmap_entry {
	u64 base, len;
	u32 type, reserved;
};

enum {
	MB2_END = 0,
	MB2_CMDLINE = 1,
	MB2_MODULE = 3,
	MB2_MMAP = 6,
	MB2_FRAMEBUFFER = 8,
	MB2_ACPI_OLD = 14,
	MB2_ACPI_NEW = 15,
};

/* What of it we know has the shape of our own record (3.6.12). */
#define MB2_FRAMEBUFFER_SIZE 22
_Static_assert(
	offsetof(struct bootinfo, screen.type) - offsetof(struct bootinfo, screen) == 21, "");

/* One tag. What is not known is passed over. */
static void
mb2_tag(struct bootinfo *bi, const struct mb2_tag *tag, const u8 *body, size_t n)
{
	switch (tag->type) {
	case MB2_CMDLINE:
		memcpy(bi->cmdline, body, MIN(n, sizeof(bi->cmdline) - 1));
		break;
	case MB2_MODULE:
		if (n >= 8 && !bi->module.len) {
			u32 at[2]; /* start and end */
			memcpy(at, body, 8);
			if (at[0] < at[1])
				bi->module = (struct memrange){at[0], at[1] - at[0]};
		}
		break;
	case MB2_MMAP: {
		struct mb2_mmap_entry e;
		u32 step = 0;
		if (n >= 8)
			memcpy(&step, body, 4);
		for (size_t at = 8; step >= sizeof(e) && at <= n && n - at >= step; at += step) {
			memcpy(&e, body + at, sizeof(e));
			if (e.type == 1)
				add_ram(bi, e.base, e.len);
		}
		break;
	}
	case MB2_FRAMEBUFFER:
		if (n >= MB2_FRAMEBUFFER_SIZE)
			memcpy(&bi->screen, body, MB2_FRAMEBUFFER_SIZE);
		break;
	case MB2_ACPI_OLD:
	case MB2_ACPI_NEW:
		if (n >= 20 && (tag->type == MB2_ACPI_NEW || !bi->rsdp[0]))
			memcpy(bi->rsdp, body, MIN(n, sizeof(bi->rsdp)));
		break;
	}
}

bool
bootinfo_multiboot2(struct bootinfo *bi, const void *block, size_t len)
{
	const u8 *p = block;
	u32 total;

	if (len < 8)
		return false;
	memcpy(&total, p, 4);
	if (total > len)
		return false;
	for (size_t at = 8; at + sizeof(struct mb2_tag) <= total;) {
		struct mb2_tag tag;

		memcpy(&tag, p + at, sizeof(tag));
		if (tag.size < sizeof(tag) || tag.size > total - at)
			return false;
		if (tag.type == MB2_END)
			return true;
		mb2_tag(bi, &tag, p + at + sizeof(tag), tag.size - sizeof(tag));
		at += ROUND_UP((size_t)tag.size, 8);
	}
	return false;
}

#define PVH_MAGIC 0x336ec578

struct pvh_start_info {
	u32 magic, version, flags, nr_modules;
	u64 modlist, cmdline, rsdp;
	u64 memmap; /* version 1 and later */
	u32 memmap_entries, reserved;
};
struct pvh_module {
	u64 addr, size, cmdline, reserved;
};
struct pvh_memmap {
	u64 addr, size;
	u32 type, reserved;
};
_Static_assert(sizeof(struct pvh_start_info) == 56, "start_info");

/* Copies what lies at a physical address, however it is aligned; false if it cannot be reached. */
static bool
fetch(void *(*virt)(paddr_t, size_t), paddr_t pa, void *to, size_t n)
{
	const void *p = pa ? virt(pa, n) : NULL;

	if (p)
		memcpy(to, p, n);
	return p;
}

bool
bootinfo_pvh(struct bootinfo *bi, paddr_t start_info, void *(*virt)(paddr_t, size_t))
{
	struct pvh_start_info si;
	struct pvh_module m;
	struct pvh_memmap e;

	if (!fetch(virt, start_info, &si, sizeof(si)) || si.magic != PVH_MAGIC || si.version < 1)
		return false;
	fetch(virt, si.rsdp, bi->rsdp, sizeof(bi->rsdp));
	fetch(virt, si.cmdline, bi->cmdline, sizeof(bi->cmdline) - 1);
	if (si.nr_modules && fetch(virt, si.modlist, &m, sizeof(m)))
		bi->module = (struct memrange){m.addr, m.size};
	for (u32 i = 0; i < si.memmap_entries; i++) {
		if (!fetch(virt, si.memmap + i * sizeof(e), &e, sizeof(e)))
			return false;
		if (e.type == 1)
			add_ram(bi, e.addr, e.size);
	}
	return true;
}

bool
boot_option(const char *name, char *buf, size_t size)
{
	return cmdline_get(bootinfo.cmdline, name, buf, size);
}

u64
boot_number(const char *name, u64 otherwise)
{
	char text[24];
	u64 v;

	return boot_option(name, text, sizeof(text)) && parse_whole(text, &v) ? v : otherwise;
}
