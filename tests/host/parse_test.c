/* What comes from outside: boot information, command lines, ELF, ACPI records. And formatting. */
#include "tests/host/harness.h"
#include "tests/host/samples.h"
#include "hal/acpi.h"
#include "hal/amdvi/amdvi.h"
#include "hal/vtd/vtd.h"
#include "kernel/bootinfo.h"
#include "lib/elf.h"

static u8 sample[SAMPLE_MAX];
static size_t sample_len;

/* Physical memory for bootinfo_pvh(): the sample, each range handed out as a copy of its own. */
static void *
virt(paddr_t pa, size_t len)
{
	u64 at = pa - SAMPLE_PVH_BASE;

	if (pa < SAMPLE_PVH_BASE || at > sample_len || len > sample_len - at)
		return NULL;
	return exact(sample + at, len);
}

/* Parses the sample, after it was tampered with; what it yields must be sane anyhow. */
static bool
parse(struct bootinfo *bi, bool pvh)
{
	bool ok;

	memset(bi, 0, sizeof(*bi));
	ok = pvh ? bootinfo_pvh(bi, SAMPLE_PVH_BASE, virt)
		 : bootinfo_multiboot2(bi, exact(sample, sample_len), sample_len);
	exact_free();
	CHECK(bi->nram <= NELEM(bi->ram) && !bi->cmdline[sizeof(bi->cmdline) - 1]);
	for (unsigned i = 0; i < bi->nram; i++) {
		CHECK(!((bi->ram[i].base | bi->ram[i].len) & PAGE_MASK) && bi->ram[i].len);
		CHECK(bi->ram[i].base + bi->ram[i].len <= 1UL << 52);
	}
	return ok;
}

static void
damage_all(bool pvh)
{
	static struct bootinfo bi;
	size_t whole = sample_len;

	test("%s: cut short anywhere", pvh ? "pvh" : "multiboot2");
	for (sample_len = 0; sample_len < whole; sample_len++) {
		bool ok = parse(&bi, pvh);
		CHECK(!ok || pvh); /* a PVH block may end with something not needed */
		if (!pvh && sample_len >= 4) {
			u32 total = sample_len;
			memcpy(sample, &total, 4);
			CHECK(!parse(&bi, pvh));
			total = whole;
			memcpy(sample, &total, 4);
		}
	}
	test("%s: any byte another", pvh ? "pvh" : "multiboot2");
	for (size_t i = 0; i < whole; i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			sample[i] ^= flip;
			parse(&bi, pvh);
			sample[i] ^= flip;
		}
	}
	CHECK(parse(&bi, pvh));
}

static void
test_multiboot2(void)
{
	static struct bootinfo bi;

	test("multiboot2: a valid block");
	sample_len = sample_multiboot2(sample);
	CHECK(parse(&bi, false));
	CHECK(strcmp(bi.cmdline, "root=ram iommu=strict") == 0);
	CHECK(bi.module.base == 0x200000 && bi.module.len == 0x34567);
	CHECK(bi.nram == 2 && bi.ram[0].base == 0 && bi.ram[0].len == 0x9f000);
	CHECK(bi.ram[1].base == 0x100000 && bi.ram[1].len == 0x7f00000);
	CHECK(memcmp(bi.rsdp, "RSD PTR 0123456789a", 20) == 0 && bi.rsdp[20] == 0);
	CHECK(bi.screen.addr == 0xfd000000 && bi.screen.pitch == 4096 && bi.screen.width == 1024);
	CHECK(bi.screen.height == 768 && bi.screen.bpp == 32 && bi.screen.type == 1);
	damage_all(false);

	test("multiboot2: a command line longer than its buffer, more RAM than its table");
	sample_len = sizeof(sample);
	memset(sample, 0, sizeof(sample));
	memcpy(sample, &(u32){sizeof(sample)}, 4);
	memcpy(sample + 8, (u32[]){1, 8 + 1600}, 8);
	memset(sample + 16, 'x', 1600);
	memcpy(sample + 1616, (u32[]){6, 16 + 24 * 70, 24, 0}, 16);
	for (u64 i = 0; i < 70; i++)
		memcpy(sample + 1632 + 24 * i, (u64[]){i << 20, 4096, 1}, 24);
	memcpy(sample + 1632 + 24 * 70, (u32[]){0, 8}, 8);
	CHECK(parse(&bi, false));
	CHECK(strlen(bi.cmdline) == sizeof(bi.cmdline) - 1 && bi.nram == NELEM(bi.ram));
	test("multiboot2: RAM that ends beyond all addresses");
	memcpy(sample + 1632, (u64[]){(1UL << 52) - 8192, -1UL, 1}, 24);
	memcpy(sample + 1632 + 24, (u64[]){-4096UL, -1UL, 1}, 24);
	CHECK(parse(&bi, false) && bi.ram[0].len == 8192 && bi.ram[1].base == 2 << 20);
}

static void
test_pvh(void)
{
	static struct bootinfo bi;

	test("pvh: a valid block");
	sample_len = sample_pvh(sample);
	CHECK(parse(&bi, true));
	CHECK(strcmp(bi.cmdline, "root=ram a=1") == 0);
	CHECK(bi.module.base == 0x200000 && bi.module.len == 0x34567);
	CHECK(memcmp(bi.rsdp, "RSD PTR ", 8) == 0);
	CHECK(bi.nram == 2 && bi.ram[0].base == 0x2000 && bi.ram[0].len == 0xf000);
	CHECK(bi.ram[1].base == 0x100000 && bi.ram[1].len == 0x7f00000);
	damage_all(true);
}

static const char *
option(const char *cmdline, const char *name, size_t size)
{
	static char buf[2048];

	memset(buf, '#', sizeof(buf));
	return cmdline_get(cmdline, name, buf, size) ? buf : NULL;
}

static bool
option_is(const char *cmdline, const char *name, const char *value)
{
	const char *v = option(cmdline, name, 64);

	return v && value ? strcmp(v, value) == 0 : v == value;
}

static void
test_cmdline(void)
{
	char line[1600];
	const char *v;

	test("cmdline: words, quotes, backslashes");
	CHECK(option_is("a=1 b=2", "a", "1") && option_is("a=1 b=2", "b", "2"));
	CHECK(option_is("  a=1\t  b=2  ", "b", "2"));
	CHECK(option_is("a=\"b c\"", "a", "b c") && option_is("\"a=b c\" d=1", "a", "b c"));
	CHECK(option_is("a='b c' d=1", "a", "b c") && option_is("'a=b \" c'", "a", "b \" c"));
	CHECK(option_is("a=\"x ' y\"", "a", "x ' y") && option_is("a=1' '2\" \"3", "a", "1 2 3"));
	CHECK(option_is("a=\\\"b c=d", "a", "\"b") && option_is("a=\\\"b c=d", "c", "d"));
	CHECK(option_is("\"a=b \\\"c\\\" d\"", "a", "b \"c\" d"));
	CHECK(option_is("a=\\\\b", "a", "\\b") && option_is("a='\\\\'", "a", "\\\\"));
	CHECK(option_is("a=\\n", "a", "\\n") && option_is("a=1\\", "a", "1\\"));
	CHECK(option_is("a='b c", "a", "b c") && option_is("a=\"", "a", ""));

	test("cmdline: which word counts");
	CHECK(option_is("a=1 b=0 a=2", "a", "2") && option_is("a=1 a=", "a", ""));
	CHECK(option_is("a= b=1", "a", "") && option_is("a=b=c", "a", "b=c"));
	CHECK(!option("", "a", 64) && !option("   ", "a", 64) && !option("a", "a", 64));
	CHECK(!option("aa=1 ba=2 x='a=3'", "a", 64) && !option("b=\"1 a=2\"", "a", 64));

	test("cmdline: what is too long is cut");
	CHECK(strcmp(option("a=12345", "a", 4), "123") == 0 && option("a=12345", "a", 4)[4] == '#');
	memset(line, 'x', sizeof(line));
	memcpy(line, "a=", 2);
	memcpy(line + sizeof(line) - 5, " b=1", 5);
	CHECK((v = option(line, "a", 2048)) && strlen(v) == 1021 && option_is(line, "b", "1"));
}

static void
test_elf(void)
{
	struct elf_header good, h;
	struct elf_phdr load, p;
	u64 size;
	/* Where a byte of the header may be anything: ident from 6 on, version, entry, sections… */
	static const u8 checked[] = {0, 1, 2, 3, 4, 5, 16, 17, 18, 19, 54, 55};

	test("elf: a valid header; any byte that counts another");
	size = sample_elf(sample);
	memcpy(&good, sample, sizeof(good));
	memcpy(&load, sample + 64 + 56, sizeof(load));
	CHECK(!elf_check(&good, size));
	for (unsigned i = 0; i < NELEM(checked); i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			h = good;
			((u8 *)&h)[checked[i]] ^= flip;
			CHECK(elf_check(&h, size));
		}
	}
	for (size_t n = 0; n < 64 + 2 * 56; n++)
		CHECK(elf_check(exact(&good, n < sizeof(good) ? n : sizeof(good)), n));
	exact_free();
	CHECK(!elf_check(&good, 64 + 2 * 56));

	test("elf: number and place of the program headers");
	h = good;
	for (u64 n = 0; n < 0x10000; n++) {
		h.phnum = n;
		CHECK(!elf_check(&h, 1 << 20) == (n >= 1 && n <= ELF_MAX_PHDRS));
	}
	const u64 bad[] = {size, size + 1, size - 2 * 56 + 1, -1UL, -56UL, -112UL, 1UL << 63};
	for (unsigned i = 0; i < NELEM(bad); i++) {
		h = good;
		h.phoff = bad[i];
		CHECK(elf_check(&h, size));
	}

	test("elf: a segment in the file and in memory");
	const u64 lo = 0x400000, hi = 0x500000;
	CHECK(!elf_check_load(&load, size, load.vaddr, lo, hi));
	const struct {
		u64 offset, filesz, memsz, addr;
		bool ok;
	} cases[] = {{0, size, size, lo, true}, {size, 0, 1, lo, true}, {0, 0, hi - lo, lo, true},
		{0, 0, 0, hi, true}, {0, 1, 1, hi - 1, true}, {0, size + 1, size + 1, lo, false},
		{size + 1, 0, 0, lo, false}, {1, size, size, lo, false}, {0, 2, 1, lo, false},
		{-1UL, 1, 1, lo, false}, {-8UL, 16, 16, lo, false}, {8, -8UL, -8UL, lo, false},
		{8, -8UL, 1, lo, false}, {0, 1, 1, lo - 1, false}, {0, 1, 1, hi, false},
		{0, 0, hi - lo + 1, lo, false}, {0, 0, -1UL, lo, false}, {0, 0, -lo, lo, false},
		{0, 0, 0, hi + 1, false}, {0, 0, 0x1000, -0x1000UL, false}, {0, 0, 1, 0, false}};
	for (unsigned i = 0; i < NELEM(cases); i++) {
		p = load;
		p.offset = cases[i].offset;
		p.filesz = cases[i].filesz;
		p.memsz = cases[i].memsz;
		CHECK(!elf_check_load(&p, size, cases[i].addr, lo, hi) == cases[i].ok);
	}
}

/* The place of the n-th record of a type in the first len bytes of the sample, or -1. */
static int
record(size_t len, u8 type, unsigned min, unsigned n)
{
	u8 *p = exact(sample, len);
	const u8 *at = acpi_next(p, p + len, type, min);
	int place;

	while (at && n--)
		at = acpi_next(at + at[1], p + len, type, min);
	place = at ? at - p : -1;
	exact_free();
	return place;
}

static void
test_acpi(void)
{
	test("acpi: records by type, length and place");
	sample_len = sample_madt(sample);
	CHECK(record(38, 0, 8, 0) == 0 && record(38, 0, 8, 1) == 30 && record(38, 0, 8, 2) == -1);
	CHECK(record(38, 1, 12, 0) == 8 && record(38, 1, 13, 0) == -1);
	CHECK(record(38, 2, 10, 0) == 20 && record(38, 3, 2, 0) == -1);
	for (size_t len = 0; len < 38; len++)
		CHECK(record(len, 0, 8, 1) == -1 && (record(len, 2, 8, 0) == 20) == (len >= 30));
	test("acpi: a record of length 0 or 1, or longer than the table, ends the walk");
	for (unsigned length = 0; length < 256; length++) {
		sample[9] = length;
		CHECK((record(38, 1, 2, 0) == 8) == (length >= 2 && length <= 30));
		CHECK((record(38, 2, 10, 0) == 20) == (length == 12));
	}
	test("acpi: checksum");
	sample_len = sample_madt(sample);
	for (unsigned i = 0; i < 256; i++) {
		u8 sum = 0;
		sample[38] = i;
		for (unsigned j = 0; j < 39; j++)
			sum += sample[j];
		CHECK(acpi_sum(sample, 39) == sum);
	}
	CHECK(acpi_sum(sample, 0) == 0);
}

/* Parses a copy of the first `len` bytes of the sample; what it yields must be sane anyhow. */
static const char *
ivrs(size_t len, struct ivrs *v)
{
	const char *why = ivrs_parse(exact(sample, len), len, v);

	CHECK(v->naliases <= NELEM(v->alias) && v->nreserved <= NELEM(v->reserved));
	exact_free();
	return why;
}

static void
test_ivrs(void)
{
	enum { UNIT = 48, ENTRIES = UNIT + 24, UNIT2 = ENTRIES + 68 };
	struct ivrs v;

	test("ivrs: the unit, aliases, IOAPICs, reserved memory");
	sample_len = sample_ivrs(sample);
	CHECK(!ivrs(sample_len, &v) && v.base == 0xfed90000 && v.rid == 8 && v.flags == 0x20);
	CHECK(v.capability == 0x48 && v.naliases == 1 && v.ioapic_rid[2] == 0xa0);
	CHECK(ivrs_is_reserved(&v, 0x20) && ivrs_is_reserved(&v, 0x27) && !v.ioapic_rid[0]);
	CHECK(!ivrs_is_reserved(&v, 0x1f) && !ivrs_is_reserved(&v, 0x28));
	CHECK(!ivrs(UNIT2, &v) && v.base == 0xfed80000 && v.naliases == 2 && !v.nreserved);
	CHECK(ivrs_alias(&v, 0x110) == 0x200 && ivrs_alias(&v, 0x111) == 0x111);
	CHECK(ivrs_alias(&v, 0x117) == 0x117 && ivrs_alias(&v, 0x118) == 0x208);
	CHECK(ivrs_alias(&v, 0x11f) == 0x208 && ivrs_alias(&v, 0x120) == 0x120);
	test("ivrs: cut short, or with a second unit, it is not used");
	for (size_t len = 0; len < sample_len; len++)
		CHECK(!ivrs(len, &v) == (len == UNIT2 || len == UNIT2 + 48));
	for (unsigned size = 0; size < 68; size++) { /* a block that ends within a device entry */
		sample[UNIT + 2] = 24 + size;
		CHECK(ivrs(UNIT + 24 + size, &v) == NULL ||
			(size != 4 && size != 12 && size != 20 && size != 24 && size != 32 &&
				size != 40));
	}
	for (unsigned type = 0x10; type <= 0x20;
		type += 0x10) { /* blocks shorter than they have to be */
		sample_ivrs(sample);
		sample[UNIT2] = type;
		for (unsigned size = 0; size < (type == 0x10 ? 24 : 32); size++) {
			sample[UNIT2 + 2] = size;
			CHECK(ivrs(UNIT2 + MAX(size, 8), &v));
		}
	}
	sample_ivrs(sample);
	sample[UNIT2 + 4] = 9;
	CHECK(ivrs(sample_len, &v));
	sample_ivrs(sample);
	memset(sample + ENTRIES, 0, 68);
	memset(sample + UNIT + 8, 0, 8);
	CHECK(ivrs(UNIT2, &v));
	test("ivrs: more entries than there is room for");
	sample_ivrs(sample);
	for (unsigned n = 31; n <= 33; n++) {
		sample[UNIT + 2] = (24 + 8 * n) & 0xff;
		sample[UNIT + 3] = (24 + 8 * n) >> 8;
		for (unsigned i = 0; i < n; i++)
			memcpy(sample + ENTRIES + 8 * i, "\x42\0\1\0\0\0\2", 8);
		CHECK(!ivrs(ENTRIES + 8 * n, &v) == (n <= 32));
	}
}

static void
test_amdvi_event(void)
{
	static const struct {
		u64 word;
		const char *text;
		bool device, write;
	} event[] = {
		{0x2030000100000028, "write not permitted", true, true},
		{0x2010000100000028, "read not permitted", true, false},
		{0x2020000100000028, "not mapped", true, true},
		{0x2070000000000028, "device attached nowhere", true, true},
		{0x2008000100000028, "interrupt not permitted", true, false},
		{0x2090000100000028, "reserved bit in a table", true, false},
		{0x1000000000000028, "bad device table entry", true, false},
		{0x5000000000000000, "illegal command", false, false},
		{0xf000000000000000, "see AMD-Vi 2.5", false, false},
	};

	test("amdvi: what an event says");
	for (unsigned i = 0; i < NELEM(event); i++) {
		u64 e[2] = {event[i].word, 0x12345678};
		struct iommu_fault f;
		CHECK(amdvi_decode(e, &f) == event[i].device && f.write == event[i].write);
		CHECK(strcmp(f.text, event[i].text) == 0 && f.reason == e[0] >> 60);
		CHECK(f.rid == (e[0] & 0xffff) && f.iova.v == 0x12345000);
	}
}

/* Parses the sample, after it was tampered with: what is believed must be sane anyhow. */
static bool
parse_dmar(struct dmar *d)
{
	bool ok = dmar_parse(d, exact(sample, sample_len), sample_len, sample_pci_read);

	exact_free();
	CHECK(d->nunits <= DMAR_UNITS && d->nregions <= DMAR_REGIONS && d->nscopes <= DMAR_SCOPES);
	for (unsigned i = 0; i < d->nregions && ok; i++)
		CHECK(d->region[i].start < d->region[i].end);
	for (unsigned i = 0; i < d->nscopes; i++)
		CHECK(d->scope[i].owner < d->nunits ||
			d->scope[i].owner - DMAR_UNITS < (int)d->nregions);
	for (unsigned rid = 0; rid < 0x10000; rid += 257)
		CHECK(dmar_unit_of(d, rid) < (int)d->nunits);
	return ok;
}

static void
test_dmar(void)
{
	static struct dmar d;
	size_t whole = sample_len = sample_dmar(sample);

	test("dmar: units, their devices, and the rest");
	CHECK(parse_dmar(&d) && d.nunits == 2 && d.nregions == 1 && d.nscopes == 7);
	CHECK(d.unit[0].base == 0xfed90000 && !d.unit[0].all);
	CHECK(d.unit[1].base == 0xfed91000 && d.unit[1].all);
	CHECK(dmar_unit_of(&d, RID(0, 2, 0)) == 0 && dmar_unit_of(&d, RID(0, 2, 1)) == 1);
	CHECK(dmar_unit_of(&d, RID(0, 3, 0)) == 1 && dmar_unit_of(&d, RID(0xff, 0, 0)) == 1);
	CHECK(d.scope[2].type == SCOPE_IOAPIC && d.scope[2].id == 7 && d.scope[2].owner == 1 &&
		d.scope[2].rid == RID(0xff, 0, 0));
	test("dmar: a bridge's unit has the bridge and all that is behind it");
	for (unsigned bus = 0; bus < 256; bus++)
		CHECK(dmar_unit_of(&d, RID(bus, 31, 7)) == !(bus >= 1 && bus <= 3));
	CHECK(dmar_unit_of(&d, RID(0, 6, 0)) == 0 && dmar_unit_of(&d, RID(0, 7, 0)) == 1);
	test("dmar: a path through bridges");
	CHECK(d.scope[3].rid == RID(5, 3, 2));
	test("dmar: memory that stays the firmware's");
	CHECK(d.region[0].start == 0x7d000000 && d.region[0].end == 0x7e000000);
	CHECK(dmar_region_has(&d, 0, RID(0, 2, 0)) && dmar_region_has(&d, 0, RID(5, 0, 0)));
	CHECK(dmar_region_has(&d, 0, RID(6, 1, 1)) && !dmar_region_has(&d, 0, RID(1, 0, 0)));
	test("dmar: who is named goes before the rest, whatever the order");
	sample[48 + 4] = 1;
	CHECK(parse_dmar(&d) && dmar_unit_of(&d, RID(5, 3, 2)) == 1);
	sample[48 + 4] = 0;
	test("dmar: no unit for the rest: nobody translates");
	sample[48 + 32 + 16 + 4] = 0;
	CHECK(parse_dmar(&d) && dmar_unit_of(&d, RID(0, 3, 0)) == -1);
	test("dmar: but a virtual function is where function 0 is");
	CHECK(dmar_unit_of(&d, RID(0, 2, 5)) == dmar_unit_of(&d, RID(0, 2, 0)));
	CHECK(dmar_unit_of(&d, RID(0, 3, 5)) == -1);
	CHECK(dmar_unit_of(&d, RID(5, 3, 2)) == 1);

	sample_dmar(sample);
	test("dmar: cut short anywhere but between records");
	for (sample_len = 0; sample_len < whole; sample_len++)
		CHECK(parse_dmar(&d) ==
			(sample_len == 48 || sample_len == 48 + 32 || sample_len == 48 + 32 + 16 ||
				sample_len == 48 + 32 + 16 + 44 ||
				sample_len == 48 + 32 + 16 + 44 + 40));
	test("dmar: any byte another");
	for (size_t i = 0; i < whole; i++) {
		for (unsigned flip = 1; flip < 256; flip++) {
			sample[i] ^= flip;
			parse_dmar(&d);
			sample[i] ^= flip;
		}
	}
	test("dmar: a region that ends before it begins, or within a page");
	memcpy(sample + 48 + 32 + 16 + 44 + 16, (u64[]){0x7cffffff}, 8);
	CHECK(!parse_dmar(&d));
	memcpy(sample + 48 + 32 + 16 + 44 + 16, (u64[]){-1UL}, 8);
	CHECK(!parse_dmar(&d));
	memcpy(sample + 48 + 32 + 16 + 44 + 16, (u64[]){0x7dfffffe}, 8);
	CHECK(!parse_dmar(&d));
	test("dmar: more units than there is room for");
	for (unsigned n = DMAR_UNITS; n <= DMAR_UNITS + 1; n++) {
		sample_len = 48 + 16 * n;
		for (unsigned i = 0; i < n; i++)
			memcpy(sample + 48 + 16 * i, (u64[]){16 << 16, 0xfed90000}, 16);
		CHECK(parse_dmar(&d) == (n == DMAR_UNITS));
	}
}

/* The formatting that the kernel has under libc's name; host.mk renames it. */
int kernel_snprintf(char *buf, size_t size, const char *fmt, ...) PRINTF(3, 4);
const char *kernel_strerror(int err);
#define FORMATS(expected, ...)                                                      \
	(kernel_snprintf(buf, sizeof(buf), __VA_ARGS__) == (int)strlen(expected) && \
		strcmp(buf, expected) == 0)

static void
test_format(void)
{
	char buf[64], *small;
	struct text t;

	test("format: every conversion");
	CHECK(FORMATS("42 -42 0", "%d %d %d", 42, -42, 0) && FORMATS("%", "%%"));
	CHECK(FORMATS("-2147483648 4294967295", "%d %u", (int)(1u << 31), ~0u));
	CHECK(FORMATS("-9223372036854775808", "%ld", (long)(1UL << 63)));
	CHECK(FORMATS("18446744073709551615 ffffffffffffffff", "%lu %lx", ~0UL, ~0UL));
	CHECK(FORMATS("7 beef x", "%zu %x %c", (size_t)7, 0xbeef, 'x'));
	CHECK(FORMATS("0xabcd", "%p", (void *)0xabcd));
	CHECK(FORMATS("a  (null)", "%s %s %s", "a", "", (char *)(u64)test_failed()));
	test("format: width and padding");
	CHECK(FORMATS("   42|42   |00042|  -42", "%5d|%-5d|%05d|%5d", 42, 42, 42, -42));
	CHECK(FORMATS(
		"000ab|   ab|ab   |abcdef", "%05x|%5x|%-5x|%05x", 0xab, 0xab, 0xab, 0xabcdef));
	CHECK(FORMATS("ab   |   ab|abcdef|  x", "%-5s|%5s|%3s|%3c", "ab", "ab", "abcdef", 'x'));
	CHECK(FORMATS("ab|abc|  a", "%.*s|%.*s|%3.*s", 2, "abc", -1, "abc", 1, "abc"));
	test("format: zeros go behind the sign");
	CHECK(FORMATS("-0042", "%05d", -42));

	test("format: what does not fit is cut and counted");
	for (size_t size = 0; size < 12; size++) {
		small = exact(buf, size);
		CHECK(kernel_snprintf(small, size, "%s-%d", "0123456", 89) == 10);
		CHECK(!size || (strlen(small) == MIN(size - 1, 10) &&
				       memcmp(small, "0123456-89", strlen(small)) == 0));
		t = (struct text){.buf = small, .size = size};
		text_printf(&t, "%s", "01234");
		text_printf(&t, "%s", "56789");
		CHECK(t.len == MIN(MAX(size, 1) - 1, 10) && t.len + t.lost == 10);
	}
	exact_free();
	test("strerror: all numbers have a text");
#define X(name, number, text) \
	CHECK(strcmp(kernel_strerror(name), text) == 0 && kernel_strerror(-name)[0]);
	ERRNO_LIST(X)
#undef X
	CHECK(strcmp(kernel_strerror(-9999), "unknown error") == 0);
}

void *kernel_memcpy(void *dst, const void *src, size_t n);
void *kernel_memmove(void *dst, const void *src, size_t n);
void *kernel_memset(void *dst, int c, size_t n);
int kernel_memcmp(const void *a, const void *b, size_t n);
int kernel_strncmp(const char *a, const char *b, size_t n);
size_t kernel_strnlen(const char *s, size_t max);

static int
sign(int n)
{
	return (n > 0) - (n < 0);
}

static void
test_string(void)
{
	char a[96], b[96];
	const char *s;
	u64 v;

	test("string: like libc's");
	for (unsigned n = 0; n < 20000; n++) {
		size_t from = rnd_below(48), to = rnd_below(48), len = rnd_below(48);
		for (unsigned i = 0; i < sizeof(a); i++)
			a[i] = b[i] = rnd_below(3) ? rnd() : 0;
		CHECK(kernel_memmove(a + to, a + from, len) == a + to);
		memmove(b + to, b + from, len);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
		kernel_memset(a + to, len, from);
		memset(b + to, len, from);
		CHECK(memcmp(a, b, sizeof(a)) == 0);
		a[to] = rnd();
		CHECK(sign(kernel_memcmp(a, b, sizeof(a))) == sign(memcmp(a, b, sizeof(a))));
		a[95] = b[95] = 0;
		CHECK(sign(kernel_strncmp(a + to, b + to, len)) ==
			sign(strncmp(a + to, b + to, len)));
		CHECK(kernel_strnlen(a + from, len) == strnlen(a + from, len));
		kernel_memcpy(b, a, sizeof(b));
		CHECK(memcmp(a, b, sizeof(a)) == 0);
	}
	test("string: strlcpy and parse_u64");
	CHECK(strlcpy(a, "12345", 4) == 5 && strcmp(a, "123") == 0 && strlcpy(a, "x", 0) == 1);
	CHECK(strlcpy(a, "12345", 6) == 5 && strcmp(a, "12345") == 0);
	s = "0x1fG";
	CHECK(parse_u64(&s, &v) && v == 0x1f && *s == 'G');
	s = "18446744073709551615,";
	CHECK(parse_u64(&s, &v) && v == ~0UL && *s == ',');
	s = "x1";
	CHECK(!parse_u64(&s, &v) && *s == 'x');
	s = "0xg";
	CHECK(!parse_u64(&s, &v) && *s == '0');
	s = "18446744073709551616";
	CHECK(!parse_u64(&s, &v) && *s == '1');
}

int
main(void)
{
	test_multiboot2();
	test_pvh();
	test_cmdline();
	test_elf();
	test_acpi();
	test_ivrs();
	test_amdvi_event();
	test_dmar();
	test_format();
	test_string();
	return test_done();
}
