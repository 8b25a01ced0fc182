#include "hal/acpi.h"
#include "kernel/bootinfo.h"
#include "kernel/lib.h"
#include "kernel/mem.h"

struct rsdp { /* 5.2.5.3 */
	char signature[8];
	u8 checksum;
	char oem_id[6];
	u8 revision;
	u32 rsdt;
	u32 length;
	u64 xsdt;
	u8 extended_checksum, reserved[3];
} PACKED;
_Static_assert(sizeof(struct rsdp) == sizeof(bootinfo.rsdp), "ACPI 5.2.5.3");

static const struct acpi_header *tables[64];
static unsigned ntables;

u8
acpi_sum(const void *p, size_t len)
{
	const u8 *b = p;
	u8 sum = 0;

	while (len--)
		sum += *b++;
	return sum;
}

/* A pointer to firmware memory, which may lie in what the boot loader calls RAM, or not. */
static const void *
map(paddr_t pa, size_t len)
{
	if (mem_is_ram(pa) && mem_is_ram(pa + len - 1))
		return phys_to_virt(pa);
	return map_firmware(pa, len);
}

const struct acpi_header *
acpi_at(paddr_t pa)
{
	const struct acpi_header *h = pa ? map(pa, sizeof(*h)) : NULL;
	u32 length = h ? h->length : 0;

	if (length < sizeof(*h) || length > 1 << 20 || !(h = map(pa, length)))
		return NULL;
	return acpi_sum(h, length) == 0 ? h : NULL;
}

/* Looks where a BIOS leaves the root pointer (5.2.5.1), for loaders that do not tell. */
static bool
scan_bios(struct rsdp *r)
{
	const char *area = map(0xe0000, 0x20000);

	for (unsigned at = 0; area && at < 0x20000; at += 16) {
		if (memcmp(area + at, "RSD PTR ", 8) == 0 && acpi_sum(area + at, 20) == 0) {
			memcpy(r, area + at, sizeof(*r));
			return true;
		}
	}
	return false;
}

void
acpi_init(void)
{
	struct rsdp r;
	bool wide;
	const struct acpi_header *root;
	unsigned n;

	memcpy(&r, bootinfo.rsdp, sizeof(r));
	if ((memcmp(r.signature, "RSD PTR ", 8) != 0 || acpi_sum(&r, 20)) && !scan_bios(&r)) {
		pr_warn("acpi: no tables: one CPU, no IOMMU");
		return;
	}
	wide = r.revision >= 2 && r.xsdt;
	if (!(root = acpi_at(wide ? r.xsdt : r.rsdt))) {
		pr_warn("acpi: the root table is damaged: one CPU, no IOMMU");
		return;
	}
	n = (root->length - sizeof(*root)) / (wide ? 8 : 4);
	for (unsigned i = 0; i < n && ntables < NELEM(tables); i++) {
		const u8 *entry = (const u8 *)(root + 1) + i * (wide ? 8 : 4);
		if ((tables[ntables] = acpi_at(acpi_get(entry, wide ? 8 : 4))))
			ntables++;
	}
}

const struct acpi_header *
acpi_find(const char signature[4])
{
	for (unsigned i = ntables; i-- > 0;)
		if (memcmp(tables[i]->signature, signature, 4) == 0)
			return tables[i];
	return NULL;
}

const u8 *
acpi_next(const u8 *at, const u8 *end, u8 type, unsigned min)
{
	for (; end - at >= 2 && at[1] >= 2 && at[1] <= end - at; at += at[1])
		if (at[0] == type && at[1] >= min)
			return at;
	return NULL;
}
