/* ACPI tables, read only: ACPI specification 6.4, chapter 5.2. No AML but a look for \_S5. */
#pragma once

#include "lib/string.h"

struct acpi_header {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem_id[6], oem_table_id[8];
	u32 oem_revision, creator_id, creator_revision;
} PACKED; /* tables stand at any address */
_Static_assert(sizeof(struct acpi_header) == 36, "ACPI 5.2.6");

/* Finds the root pointer and checks the tables; says what it found. */
void acpi_init(void);
/*
 * The table, header included, its checksum verified; NULL if there is none. Of several the last:
 * what QEMU's -acpitable adds stands in for the machine's own.
 */
const struct acpi_header *acpi_find(const char signature[4]);
/* A table at a known physical address (the DSDT). */
const struct acpi_header *acpi_at(paddr_t pa);

/*
 * Walks records of {u8 type, u8 length} between `at` and `end`: the next record of `type`, at or
 * after `at`, at least `min` bytes long; NULL at the end or at a malformed record.
 */
const u8 *acpi_next(const u8 *at, const u8 *end, u8 type, unsigned min);

/* The sum of `len` bytes, modulo 256: of a table it is 0. */
u8 acpi_sum(const void *p, size_t len);
/* What a field of up to 8 bytes holds, wherever it stands. */
static inline u64
acpi_get(const void *p, unsigned bytes)
{
	u64 v = 0;

	memcpy(&v, p, bytes);
	return v;
}
