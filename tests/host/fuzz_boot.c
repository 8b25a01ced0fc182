/* Arbitrary boot information. The first byte of an input says who reads the rest. */
#include "tests/host/harness.h"
#include "tests/host/fuzz.h"
#include "hal/acpi.h"
#include "hal/amdvi/amdvi.h"
#include "hal/vtd/vtd.h"
#include "kernel/bootinfo.h"

const unsigned fuzz_rounds = 50000;

static size_t (*const samples[])(u8 *to) = {
	sample_multiboot2, sample_pvh, sample_cmdline, sample_madt, sample_ivrs, sample_dmar};

size_t
fuzz_sample(unsigned n, u8 *to)
{
	if (n >= NELEM(samples))
		return 0;
	*to = n;
	return samples[n](to + 1) + 1;
}

static const u8 *memory;
static size_t memory_len;

static void *
virt(paddr_t pa, size_t len)
{
	u64 at = pa - SAMPLE_PVH_BASE;

	if (pa < SAMPLE_PVH_BASE || at > memory_len || len > memory_len - at)
		return NULL;
	return exact(memory + at, len);
}

static void
check_bootinfo(const struct bootinfo *bi)
{
	ASSERT(bi->nram <= NELEM(bi->ram) && !bi->cmdline[sizeof(bi->cmdline) - 1]);
	for (unsigned i = 0; i < bi->nram; i++) {
		ASSERT(!((bi->ram[i].base | bi->ram[i].len) & PAGE_MASK) && bi->ram[i].len);
		ASSERT(bi->ram[i].base + bi->ram[i].len <= 1UL << 52);
	}
}

int
LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static struct dmar dmar;
	struct bootinfo bi = {0};
	char value[16];
	struct ivrs unit;
	u8 *p;

	if (size < 1)
		return 0;
	size--;
	p = exact(data + 1, size);
	switch (*data % NELEM(samples)) {
	case 0:
		bootinfo_multiboot2(&bi, p, size);
		break;
	case 1:
		memory = p;
		memory_len = size;
		bootinfo_pvh(&bi, SAMPLE_PVH_BASE, virt);
		break;
	case 2:
		if (!size)
			break;
		p[size - 1] = 0;
		for (const char *name = "abcd"; *name; name++)
			if (cmdline_get((char *)p, (char[]){*name, 0}, value, sizeof(value)))
				ASSERT(strlen(value) < sizeof(value));
		break;
	case 3:
		for (unsigned type = 0; type < 4; type++)
			for (const u8 *at = p; (at = acpi_next(at, p + size, type, 8)); at += at[1])
				ASSERT(at[0] == type && at[1] >= 8 && at + at[1] <= p + size);
		break;
	case 4:
		ivrs_parse(p, size, &unit);
		ASSERT(unit.naliases <= NELEM(unit.alias));
		ASSERT(unit.nreserved <= NELEM(unit.reserved));
		break;
	case 5:
		if (dmar_parse(&dmar, p, size, sample_pci_read))
			ASSERT(dmar_unit_of(&dmar, size) < (int)dmar.nunits);
		break;
	}
	check_bootinfo(&bi);
	exact_free();
	return 0;
}
