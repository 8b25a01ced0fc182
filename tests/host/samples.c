#include "tests/host/samples.h"
#include "hal/pciconf.h"
#include "lib/elf.h"
#include "kernel/lib.h"

static u8 *
put(u8 *to, const void *p, size_t n)
{
	if (n)
		memcpy(to, p, n);
	return to + n;
}
#define PUT(to, type, ...) put(to, (type[]){__VA_ARGS__}, sizeof((type[]){__VA_ARGS__}))

/* A tag of the Multiboot2 boot information, padded to 8 bytes. */
static u8 *
tag(u8 *to, u32 type, const void *body, size_t n)
{
	u8 *end = put(PUT(to, u32, type, n + 8), body, n);

	memset(end, 0, -n & 7);
	return end + (-n & 7);
}

size_t
sample_multiboot2(u8 *to)
{
	static const char cmdline[] = "root=ram iommu=strict", rsdp[] = "RSD PTR 0123456789a";
	u8 body[128], *p = to + 8, *end;

	p = tag(p, 1, cmdline, sizeof(cmdline));
	p = tag(p, 2, "a boot loader", 14); /* not of interest */
	p = tag(p, 14, rsdp, 20);
	p = tag(p, 3, (u32[]){0x200000, 0x234567, 0}, 12);
	end = PUT(body, u32, 24, 0);
	end = PUT(end, u64, 0x0, 0x9fc00, 1);
	end = PUT(end, u64, 0x9fc00, 0x400, 2);
	end = PUT(end, u64, 0x100000, 0x7f00000, 1);
	p = tag(p, 6, body, end - body);
	end = PUT(body, u64, 0xfd000000);
	end = PUT(end, u32, 4096, 1024, 768);
	end = PUT(end, u8, 32, 1, 0, 0);
	p = tag(p, 8, body, end - body);
	p = tag(p, 0, NULL, 0);
	PUT(to, u32, p - to, 0);
	return p - to;
}

size_t
sample_pvh(u8 *to)
{
	static const char cmdline[] = "root=ram a=1";
	const u64 base = SAMPLE_PVH_BASE;
	u8 *p;

	memset(to, 0, 0x500);
	p = PUT(to, u32, 0x336ec578, 1, 0, 1);
	p = PUT(p, u64, base + 0xc0, base + 0x100, base + 0xe0, base + 0x40);
	PUT(p, u32, 3, 0);
	p = PUT(to + 0x40, u64, 0x1234, 0x10000, 1); /* begins and ends inside a page */
	p = PUT(p, u64, 0xf0000, 0x10000, 2);
	PUT(p, u64, 0x100000, 0x7f00000, 1);
	PUT(to + 0xc0, u64, 0x200000, 0x34567, 0, 0);
	put(to + 0xe0, "RSD PTR ", 8);
	put(to + 0x100, cmdline, sizeof(cmdline));
	return 0x500;
}

size_t
sample_cmdline(u8 *to)
{
	static const char s[] = "a=1 \"b=2 3\" c='4 \\5' d=\\\"6 a=\"7 8\"";

	put(to, s, sizeof(s));
	return sizeof(s);
}

size_t
sample_madt(u8 *to)
{
	u8 *p = PUT(to, u8, 0, 8, 1, 1, 1, 0, 0, 0);

	p = PUT(p, u8, 1, 12, 2, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0);
	p = PUT(p, u8, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0);
	p = PUT(p, u8, 0, 8, 2, 2, 1, 0, 0, 0);
	return p - to;
}

/* Bytes of a device scope: type, id, start bus, and a path of pairs. */
static u8 *
scope(u8 *to, u8 type, u8 id, u8 bus, const char *path, u8 len)
{
	return put(PUT(to, u8, type, 6 + len, 0, 0, id, bus), path, len);
}

/* A record of the DMAR table that ends at `end`: its length is filled in. */
static u8 *
record(u8 *start, u8 *end)
{
	u16 len = end - start;

	put(start + 2, &len, 2);
	return end;
}

size_t
sample_dmar(u8 *to)
{
	u8 *p = to + 48, *r;

	memset(to, 0, 48);
	r = p; /* unit 0: device 00:02.0, and the bridge 00:06.0 */
	p = PUT(PUT(p, u16, 0, 0, 0, 0), u64, 0xfed90000);
	p = scope(scope(p, 1, 0, 0, "\x02\0", 2), 2, 0, 0, "\x06\0", 2);
	p = record(r, p);
	r = p; /* another segment's */
	p = record(r, PUT(PUT(p, u16, 0, 0, 1, 1), u64, 0xfed92000));
	r = p; /* unit 1: the rest; its IOAPIC; a device behind two bridges; one that is not there
		*/
	p = PUT(PUT(p, u16, 0, 0, 1, 0), u64, 0xfed91000);
	p = scope(scope(p, 3, 7, 0xff, "\0\0", 2), 1, 0, 0, "\x07\0\0\x01\x03\x02", 6);
	p = record(r, scope(p, 2, 0, 0, "\x1f\x07", 2));
	r = p; /* memory for 00:02.0 and for what is behind 00:07.0 */
	p = PUT(PUT(p, u16, 1, 0, 0, 0), u64, 0x7d000000, 0x7dffffff);
	p = scope(scope(p, 1, 0, 0, "\x02\0", 2), 2, 0, 0, "\x07\0", 2);
	p = record(r, p);
	p = record(p, PUT(p, u16, 2, 0, 0, 0)); /* ATSR, of no interest */
	return p - to;
}

size_t
sample_ivrs(u8 *to)
{
	static const u8 devices[] = {
		/* 4: all; 8: an alias; 8 and 4: a range of aliases; 8: IOAPIC 2; 8: the HPET */
		1, 0, 0, 0, 66, 0x10, 1, 0, 0, 0, 2, 0, 67, 0x18, 1, 0, 0, 8, 2, 0, 4, 0x1f, 1, 0,
		72, 0, 0, 0xd7, 2, 0xa0, 0, 1, 72, 0, 0, 0, 0, 0xa1, 0, 2,
		/* 28: by its ACPI name, with a name of 6 characters */
		240, 0, 0, 0, 'A', 'M', 'D', 'I', '0', '0', '2', '0', 0, 0, 0, 0, 0, 0, 0, 0, 1, 6,
		'_', 'S', 'B', '.', 'X', '0'};
	u8 *p = to + 48;

	memset(to, 0, 48);
	p = PUT(p, u8, 0x10, 0xd1, 24 + sizeof(devices), 0, 0x08, 0, 0x40, 0);
	p = PUT(p, u64, 0xfed80000, 0);
	p = put(p, devices, sizeof(devices));
	p = PUT(p, u8, 0x11, 0x20, 40 + 8, 0, 0x08, 0, 0x48, 0);
	p = PUT(p, u64, 0xfed90000, 0, 0, 0);
	p = put(p, devices + 4, 8);
	p = PUT(p, u8, 0x22, 3, 32, 0, 0x20, 0, 0x27, 0);
	p = PUT(p, u64, 0, 0x7f000000, 0x100000);
	return p - to;
}

size_t
sample_elf(u8 *to)
{
	struct elf_header h = {.ident = {0x7f, 'E', 'L', 'F', 2, 1, 1},
		.type = 2,
		.machine = 62,
		.version = 1,
		.entry = 0x400000,
		.phoff = 64,
		.ehsize = 64,
		.phentsize = 56,
		.phnum = 2};
	struct elf_phdr load[] = {
		{1, ELF_R | ELF_X, 0, 0x400000, 0, 0x100, 0x100, 0x1000},
		{1, ELF_R | ELF_W, 0x100, 0x402000, 0, 0x80, 0x2000, 0x1000},
	};

	memset(to, 0x90, 0x180);
	put(put(to, &h, sizeof(h)), load, sizeof(load));
	return 0x180;
}

u32
sample_pci_read(u16 rid, unsigned offset, unsigned size)
{
	static const struct {
		u16 rid;
		u8 first, last;
	} bridge[] = {{RID(0, 6, 0), 1, 3}, {RID(0, 7, 0), 4, 6}, {RID(4, 0, 1), 5, 5}};

	for (unsigned i = 0; i < NELEM(bridge); i++)
		if (bridge[i].rid == rid)
			return offset == CFG_HEADER        ? 0x81
			       : offset == CFG_SECONDARY   ? bridge[i].first
			       : offset == CFG_SUBORDINATE ? bridge[i].last
							   : 0;
	return size == 1 ? 0xff : ~0u;
}
