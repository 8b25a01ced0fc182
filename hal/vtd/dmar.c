#include "hal/vtd/vtd.h"
#include "hal/acpi.h"
#include "hal/pciconf.h"
#include "kernel/lib.h"

/* Device scopes (8.3.1): a start bus and a path of device and function through bridges. */
static bool
parse_scopes(struct dmar *d, unsigned owner, const u8 *at, const u8 *end,
	u32 (*read)(rid_t, unsigned, unsigned))
{
	for (; at < end; at += at[1]) {
		struct dmar_scope *s = &d->scope[d->nscopes];
		u8 bus;

		if (end - at < 8 || at[1] < 8 || at[1] % 2 || at[1] > end - at ||
			d->nscopes == DMAR_SCOPES)
			return false;
		*s = (struct dmar_scope){owner, at[0], at[4], 0, 1, 0};
		bus = at[5];
		for (unsigned i = 6; i < at[1]; i += 2) {
			if (at[i] > 31 || at[i + 1] > 7)
				return false;
			s->rid = RID(bus, at[i], at[i + 1]);
			if (i + 2 < at[1])
				bus = read(s->rid, CFG_SECONDARY, 1);
		}
		if (s->type == SCOPE_BRIDGE && (read(s->rid, CFG_HEADER, 1) & 0x7f) == 1) {
			s->first_bus = read(s->rid, CFG_SECONDARY, 1);
			s->last_bus = read(s->rid, CFG_SUBORDINATE, 1);
		}
		d->nscopes++;
	}
	return true;
}

/* DRHD, 8.3: the whole record, its length checked. */
static bool
parse_unit(struct dmar *d, const u8 *r, size_t len, u32 (*read)(rid_t, unsigned, unsigned))
{
	if (len < 16 || d->nunits == DMAR_UNITS)
		return false;
	if (acpi_get(r + 6, 2) != 0) /* another segment: we see none of its devices */
		return true;
	d->unit[d->nunits].base = acpi_get(r + 8, 8);
	d->unit[d->nunits].all = r[4] & 1;
	if (!d->unit[d->nunits].base || d->unit[d->nunits].base & PAGE_MASK)
		return false;
	return parse_scopes(d, d->nunits++, r + 16, r + len, read);
}

/* RMRR, 8.4. */
static bool
parse_region(struct dmar *d, const u8 *r, size_t len, u32 (*read)(rid_t, unsigned, unsigned))
{
	u64 start, end;

	if (len < 24 || d->nregions == DMAR_REGIONS)
		return false;
	if (acpi_get(r + 6, 2) != 0)
		return true;
	start = acpi_get(r + 8, 8);
	end = acpi_get(r + 16, 8) + 1; /* the table has the last byte */
	if (end <= start || (start | end) & PAGE_MASK)
		return false;
	d->region[d->nregions] = (struct iova_range){start, end};
	return parse_scopes(d, DMAR_UNITS + d->nregions++, r + 24, r + len, read);
}

bool
dmar_parse(struct dmar *d, const void *table, size_t len, u32 (*read)(rid_t, unsigned, unsigned))
{
	const u8 *at = table, *end = at + len;

	*d = (struct dmar){0};
	if (len < 48)
		return false;
	for (at += 48; at < end; at += acpi_get(at + 2, 2)) { /* 8.1: records of u16 type, length */
		size_t n = end - at < 4 ? 0 : acpi_get(at + 2, 2);
		unsigned type;

		if (n < 4 || n > (size_t)(end - at))
			return false;
		type = acpi_get(at, 2);
		if ((type == 0 && !parse_unit(d, at, n, read)) ||
			(type == 1 && !parse_region(d, at, n, read)))
			return false;
	}
	return true;
}

/* Whether a scope of this owner names the device, or a bridge that it is behind. */
static bool
has(const struct dmar *d, unsigned owner, rid_t rid)
{
	for (unsigned i = 0; i < d->nscopes; i++) {
		const struct dmar_scope *s = &d->scope[i];
		if (s->owner == owner && (s->rid == rid || (s->first_bus <= RID_BUS(rid) &&
								   RID_BUS(rid) <= s->last_bus)))
			return true;
	}
	return false;
}

bool
dmar_region_has(const struct dmar *d, unsigned n, rid_t rid)
{
	return has(d, DMAR_UNITS + n, rid);
}

int
dmar_unit_of(const struct dmar *d, rid_t rid)
{
	int rest = -1;

	for (unsigned i = 0; i < d->nunits; i++) {
		if (has(d, i, rid))
			return i;
		if (d->unit[i].all)
			rest = i;
	}
	/* A virtual function is under the unit of its physical one: function 0, as a rule. */
	return rest < 0 && RID_FN(rid) ? dmar_unit_of(d, rid & ~7) : rest;
}
