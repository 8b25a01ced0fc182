#include "hal/amdvi/amdvi.h"
#include "hal/acpi.h"
#include "kernel/lib.h"

/* Device entries of an IVHD, 5.2.2. Which others there are does not matter with one unit. */
enum {
	ENTRY_RANGE_END = 4,
	ENTRY_ALIAS = 66,
	ENTRY_ALIAS_RANGE = 67,
	ENTRY_SPECIAL = 72,
	ENTRY_ACPI_NAME = 240,
};
enum { SPECIAL_IOAPIC = 1 };

static const char damaged[] = "the IVRS table is damaged";
static const char too_long[] = "the IVRS table has too many entries";

/* The length of the device entry at `at`, 0 if it does not end before `end`. */
static size_t
entry_size(const u8 *at, const u8 *end)
{
	size_t left = end - at, size = 4UL << (*at >> 6);

	if (*at == ENTRY_ACPI_NAME)
		size = left < 22 ? left + 1 : 22UL + at[21];
	return size <= left ? size : 0;
}

static const char *
add_alias(struct ivrs *v, rid_t first, rid_t last, rid_t as)
{
	if (v->naliases == NELEM(v->alias))
		return too_long;
	v->alias[v->naliases].first = first;
	v->alias[v->naliases].last = last;
	v->alias[v->naliases++].as = as;
	return NULL;
}

/* What firmware wants to let pass besides (interrupts that are not fixed) stays blocked. */
static const char *
read_devices(struct ivrs *v, const u8 *at, const u8 *end)
{
	const u8 *range = NULL; /* where a range of aliases began */
	const char *why = NULL;
	size_t size;

	for (; at < end && !why; at += size) {
		if (!(size = entry_size(at, end)))
			return damaged;
		if (*at == ENTRY_ALIAS)
			why = add_alias(
				v, acpi_get(at + 1, 2), acpi_get(at + 1, 2), acpi_get(at + 5, 2));
		else if (*at == ENTRY_RANGE_END && range)
			why = add_alias(v, acpi_get(range + 1, 2), acpi_get(at + 1, 2),
				acpi_get(range + 5, 2));
		else if (*at == ENTRY_SPECIAL && at[7] == SPECIAL_IOAPIC && at[4] < 16)
			v->ioapic_rid[at[4]] = acpi_get(at + 5, 2);
		if (*at)
			range = *at == ENTRY_ALIAS_RANGE ? at : NULL;
	}
	return why;
}

/*
 * An IVHD block: 10h, or 11h and 40h, which tell of the same unit again and in more detail: the
 * highest type counts. With several units each would have to be programmed: a device under another
 * one would go untranslated.
 */
static const char *
read_unit(struct ivrs *v, const u8 *at, size_t length)
{
	size_t header = *at == 0x10 ? 24 : 40;

	if (length < header)
		return damaged;
	if (v->type && v->rid != acpi_get(at + 4, 2))
		return "more than one unit";
	if (*at < v->type)
		return NULL;
	if (*at > v->type)
		v->naliases = 0;
	v->type = at[0];
	v->flags = at[1];
	v->rid = acpi_get(at + 4, 2);
	v->capability = acpi_get(at + 6, 2);
	v->base = acpi_get(at + 8, 8);
	return read_devices(v, at + header, at + length);
}

/* An IVMD block, 5.2.3: for all devices (20h), one (21h) or a range (22h). */
static const char *
read_reserved(struct ivrs *v, const u8 *at, size_t length)
{
	rid_t first = acpi_get(at + 4, 2), last = *at == 0x22 ? acpi_get(at + 6, 2) : first;

	if (length < 32)
		return damaged;
	if (v->nreserved == NELEM(v->reserved))
		return too_long;
	v->reserved[v->nreserved].first = *at == 0x20 ? 0 : first;
	v->reserved[v->nreserved++].last = *at == 0x20 ? 0xffff : last;
	return NULL;
}

const char *
ivrs_parse(const void *table, size_t len, struct ivrs *v)
{
	const u8 *at = (const u8 *)table + 48, *end = (const u8 *)table + len;
	const char *why = NULL;
	size_t length;

	*v = (struct ivrs){0};
	if (len < 48)
		return damaged;
	for (; at < end && !why; at += length) { /* blocks of u8 type, u8 flags, u16 length */
		if (end - at < 8 || (length = acpi_get(at + 2, 2)) < 8 ||
			length > (size_t)(end - at))
			return damaged;
		if (*at == 0x10 || *at == 0x11 || *at == 0x40)
			why = read_unit(v, at, length);
		else if (*at >= 0x20 && *at <= 0x22)
			why = read_reserved(v, at, length);
	}
	return why ? why : v->base ? NULL : "the IVRS table tells of no unit";
}

rid_t
ivrs_alias(const struct ivrs *v, rid_t rid)
{
	for (unsigned i = 0; i < v->naliases; i++)
		if (rid >= v->alias[i].first && rid <= v->alias[i].last)
			return v->alias[i].as;
	return rid;
}

bool
ivrs_is_reserved(const struct ivrs *v, rid_t rid)
{
	for (unsigned i = 0; i < v->nreserved; i++)
		if (rid >= v->reserved[i].first && rid <= v->reserved[i].last)
			return true;
	return false;
}
