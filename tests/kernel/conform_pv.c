/*
 * In a guest: the hypercalls themselves, each status once. The host is to have set the quota that
 * quota= names, and to deny and permit edu when the console asks for it.
 */
#include "hal/hypercall.h"
#include "hal/pciconf.h"
#include "hal/pv.h"
#include "kernel/bootinfo.h"
#include "kernel/mem.h"
#include "kernel/proc.h"
#include "tests/kernel/conform.h"

#define AT        0x2000000UL
#define BOTH      (HC_READ | HC_WRITE)
#define NO_DEVICE RID(0, 30, 0)
#define VECTOR    0xde /* the last but one for devices; nothing comes by it */

static s64
map(struct conform *c, u64 at, u64 gpa, u64 npages, u64 perm)
{
	return pv_call(HC_map, c->edu->dev.rid, at, gpa, npages, perm);
}

static s64
unmap(struct conform *c, u64 at, u64 npages, u64 flags)
{
	return pv_call(HC_unmap, c->edu->dev.rid, at, npages, flags, 0);
}

static s64
call(u64 number, u64 a, u64 b, u64 c)
{
	return pv_call(number, a, b, c, 0, 0);
}

/* Where the guest's memory ends. */
static u64
memory_end(void)
{
	u64 end = 0;

	for (unsigned i = 0; i < bootinfo.nram; i++)
		end = MAX(end, bootinfo.ram[i].base + bootinfo.ram[i].len);
	return end;
}

static void
no_call(struct conform *c)
{
	IS(c, call(HC_COUNT, 0, 0, 0), -HC_ENOSYS);
	IS(c, call(-1UL, 0, 0, 0), -HC_ENOSYS);
	IS(c, call(HC_version, 0, 0, 0), HC_VERSION);
}

static void
reserved(struct conform *c)
{
	rid_t rid = c->edu->dev.rid;

	IS(c, call(HC_version, 1, 0, 0), -HC_EINVAL);
	IS(c, call(HC_attach, rid, 1, 0), -HC_EINVAL);
	IS(c, call(HC_detach, rid, 1, 0), -HC_EINVAL);
	IS(c, call(HC_sync, rid, 1, 0), -HC_EINVAL);
	IS(c, pv_call(HC_unmap, rid, AT, 1, HC_SYNC, 1), -HC_EINVAL);
	IS(c, unmap(c, AT, 1, 2), -HC_EINVAL);
	IS(c, call(HC_fault, 0, 1, 0), -HC_EINVAL);
	IS(c, pv_call(HC_batch, rid, c->pa, 1, 1, 0), -HC_EINVAL);
}

static void
no_device(struct conform *c)
{
	static const u64 rids[] = {NO_DEVICE, 0x10000 | RID(0, 5, 0), -1UL};

	for (unsigned i = 0; i < NELEM(rids); i++) {
		IS(c, call(HC_attach, rids[i], 0, 0), -HC_ENODEV);
		IS(c, call(HC_detach, rids[i], 0, 0), -HC_ENODEV);
		IS(c, pv_call(HC_map, rids[i], AT, c->pa, 1, BOTH), -HC_ENODEV);
		IS(c, call(HC_unmap, rids[i], AT, 1), -HC_ENODEV);
		IS(c, call(HC_sync, rids[i], 0, 0), -HC_ENODEV);
		IS(c, pv_call(HC_bind, rids[i], 0, VECTOR, 0, 0), -HC_ENODEV);
		IS(c, call(HC_unbind, rids[i], 0, 0), -HC_ENODEV);
		IS(c, call(HC_batch, rids[i], c->pa, 1), -HC_ENODEV);
	}
}

static void
no_entry(struct conform *c)
{
	rid_t rid = c->edu->dev.rid;

	IS(c, unmap(c, AT, 1, HC_SYNC), -HC_ENOENT);
	IS(c, call(HC_unbind, rid, 0, 0), -HC_ENOENT);
	IS(c, call(HC_detach, rid, 0, 0), 0);
	IS(c, call(HC_detach, rid, 0, 0), -HC_ENOENT);
	IS(c, map(c, AT, c->pa, 1, BOTH), -HC_ENOENT);
	IS(c, call(HC_sync, rid, 0, 0), 0);
	IS(c, call(HC_attach, rid, 0, 0), 0);
}

static void
already(struct conform *c)
{
	rid_t rid = c->edu->dev.rid;

	IS(c, call(HC_attach, rid, 0, 0), -HC_EEXIST);
	IS(c, map(c, AT, c->pa, 1, BOTH), 1);
	IS(c, map(c, AT, c->pa, 1, BOTH), -HC_EEXIST);
	IS(c, pv_call(HC_bind, rid, 0, VECTOR, 0, 0), 0);
	IS(c, pv_call(HC_bind, rid, 0, VECTOR, 0, 0), -HC_EEXIST);
	IS(c, call(HC_unbind, rid, 0, 0), 0);
}

static void
bad_argument(struct conform *c)
{
	rid_t rid = c->edu->dev.rid;
	u64 top = 1UL << HC_IOVA_BITS;

	IS(c, map(c, AT + 1, c->pa, 1, BOTH), -HC_EINVAL);
	IS(c, map(c, AT, c->pa + 1, 1, BOTH), -HC_EINVAL);
	IS(c, map(c, AT, c->pa, 0, BOTH), -HC_EINVAL);
	IS(c, map(c, AT, c->pa, HC_MAX_PAGES + 1, BOTH), -HC_EINVAL);
	IS(c, map(c, AT, c->pa, -1UL, BOTH), -HC_EINVAL);
	IS(c, map(c, AT, c->pa, 1UL << 52, BOTH), -HC_EINVAL); /* 0 bytes, modulo 2^64 */
	IS(c, map(c, AT, c->pa, 1, 0), -HC_EINVAL);
	IS(c, map(c, AT, c->pa, 1, BOTH | 4), -HC_EINVAL);
	IS(c, map(c, top, c->pa, 1, BOTH), -HC_EINVAL);
	IS(c, map(c, top - PAGE_SIZE, c->pa, 2, BOTH), -HC_EINVAL);
	IS(c, map(c, -PAGE_SIZE, c->pa, 2, BOTH), -HC_EINVAL);
	IS(c, map(c, MSI_END - PAGE_SIZE, c->pa, 2, BOTH), -HC_EINVAL);
	IS(c, unmap(c, AT + 1, 1, 0), -HC_EINVAL);
	IS(c, unmap(c, AT, 0, 0), -HC_EINVAL);
	IS(c, unmap(c, AT, HC_MAX_PAGES + 1, 0), -HC_EINVAL);
	IS(c, unmap(c, top, 1, 0), -HC_EINVAL);
	IS(c, pv_call(HC_bind, rid, 0, 31, 0, 0), -HC_EINVAL);
	IS(c, pv_call(HC_bind, rid, 0, 256, 0, 0), -HC_EINVAL);
	IS(c, pv_call(HC_bind, rid, 0, VECTOR, 1, 0), -HC_EINVAL);
	IS(c, pv_call(HC_bind, rid, 1000, VECTOR, 0, 0), -HC_EINVAL);
	IS(c, call(HC_batch, rid, c->pa, 0), -HC_EINVAL);
	IS(c, call(HC_batch, rid, c->pa, HC_MAX_BATCH + 1), -HC_EINVAL);
	IS(c, call(HC_batch, rid, c->pa + 8, 1), -HC_EINVAL);
	IS(c, call(HC_batch, rid, c->pa + PAGE_SIZE - sizeof(struct hc_request), 2), -HC_EINVAL);
	IS(c, call(HC_unbind, rid, 0, 0), -HC_ENOENT);
	IS(c, unmap(c, AT, 1, 0), -HC_ENOENT); /* nothing of all this is there */
}

static void
not_ours(struct conform *c)
{
	u64 end = memory_end();

	IS(c, map(c, AT, 1UL << 40, 1, BOTH), -HC_EACCES);
	IS(c, map(c, AT, -PAGE_SIZE, 1, BOTH), -HC_EACCES);
	IS(c, map(c, AT, -PAGE_SIZE, 2, BOTH), -HC_EACCES);
	IS(c, map(c, AT, end, 1, BOTH), -HC_EACCES);
	IS(c, map(c, AT, end - PAGE_SIZE, 2, BOTH), -HC_EACCES);
	IS(c, map(c, AT, end - 100 * PAGE_SIZE, 101, BOTH), -HC_EACCES);
	IS(c, map(c, AT, c->edu->bar[0].addr, 1, BOTH), -HC_EACCES);
	IS(c, call(HC_batch, c->edu->dev.rid, end, 1), -HC_EACCES);
	IS(c, unmap(c, AT, 1, HC_SYNC), -HC_ENOENT);
	IS(c, map(c, AT, end - PAGE_SIZE, 1, BOTH), 1);
}

/* Pins count until the sync, for until then the device may still reach the page. */
static void
quota(struct conform *c)
{
	u64 done = 0;
	s64 n;

	while ((n = map(c, AT + done * PAGE_SIZE, c->pa, 1, BOTH)) == 1)
		done++;
	IS(c, n, -HC_EDQUOT);
	IS(c, done, c->quota);
	IS(c, unmap(c, AT, 1, 0), 1);
	IS(c, map(c, AT, c->pa, 1, BOTH), -HC_EDQUOT);
	IS(c, call(HC_sync, c->edu->dev.rid, 0, 0), 0);
	IS(c, map(c, AT, c->pa, 2, BOTH), -HC_EDQUOT);
	IS(c, map(c, AT, c->pa, 1, BOTH), 1);
	IS(c, map(c, AT - PAGE_SIZE, c->pa, 1, BOTH), -HC_EDQUOT);
	/* More than goes at once: the call is made again until it is over. */
	IS(c, call(HC_detach, c->edu->dev.rid, 0, 0), 0);
	IS(c, call(HC_attach, c->edu->dev.rid, 0, 0), 0);
	IS(c, map(c, AT, c->pa, HC_MAX_PAGES, BOTH), 64);
}

/* What is asked for is given in parts, each a grant. */
static void
parts(struct conform *c)
{
	IS(c, map(c, AT, c->pa, 200, BOTH), 64);
	IS(c, unmap(c, AT + 64 * PAGE_SIZE, 1, 0), -HC_ENOENT);
	IS(c, map(c, AT + 64 * PAGE_SIZE, c->pa, 136, BOTH), 64);
	IS(c, unmap(c, AT, 63, 0), -HC_EINVAL);
	IS(c, unmap(c, AT + PAGE_SIZE, 63, 0), -HC_EINVAL);
	IS(c, unmap(c, AT, 100, 0), 64);
	IS(c, unmap(c, AT + 64 * PAGE_SIZE, 100, HC_SYNC), 64);
	IS(c, iommu_map(c->d, (iova_t){AT}, c->pa, 200, BOTH), 0);
	CLAIM(c, conform_writes(c, AT + 199 * PAGE_SIZE, 199));
	IS(c, unmap(c, AT, 200, HC_SYNC), 200);
	CLAIM(c, conform_blocked(c, AT + 199 * PAGE_SIZE));
}

/* The batch as it goes over: it ends behind a request that was done in part. */
static void
batch(struct conform *c)
{
	struct hc_request *r = (void *)c->mem;
	paddr_t pa = conform_pa(c, 1);

	r[0] = (struct hc_request){.iova = AT, .gpa = pa, .pages = 1, .perm = BOTH};
	r[1] = (struct hc_request){.iova = AT, .gpa = pa, .pages = 1};
	r[2] = (struct hc_request){.iova = AT, .pages = 1};
	r[3] = (struct hc_request){.iova = AT, .gpa = pa, .pages = 100, .perm = BOTH};
	r[4] = (struct hc_request){.iova = AT, .pages = 64, .result = 1234};
	IS(c, call(HC_batch, c->edu->dev.rid, c->pa, 5), 4);
	IS(c, r[0].result, 1);
	IS(c, r[1].result, -HC_EINVAL); /* an address, but no permission */
	IS(c, r[2].result, 1);
	IS(c, r[3].result, 64);
	IS(c, r[4].result, 1234);
}

/* Waits until a map answers `want`: the host has been asked for it. */
static void
until(struct conform *c, const char *what, s64 want)
{
	s64 got = 0;

	conform_say("conform: %s me", what);
	for (int ms = 0; ms < 60000 && got != want; ms += 10) {
		sleep_ms(10);
		if ((got = map(c, AT + PAGE_SIZE, c->pa, 1, BOTH)) == 1)
			(void)unmap(c, AT + PAGE_SIZE, 1, HC_SYNC);
	}
	IS(c, got, want);
}

static void
denied(struct conform *c)
{
	IS(c, map(c, AT, conform_pa(c, 1), 1, BOTH), 1);
	CLAIM(c, conform_writes(c, AT, 1));
	until(c, "deny", -HC_EPERM);
	CLAIM(c, conform_blocked(c, AT));
	IS(c, unmap(c, AT, 1, HC_SYNC), -HC_ENOENT); /* revoked */
	IS(c, call(HC_sync, c->edu->dev.rid, 0, 0), 0);
	IS(c, iommu_map(c->d, (iova_t){AT}, c->pa, 1, BOTH), -EPERM);
	until(c, "permit", 1);
	IS(c, map(c, AT, conform_pa(c, 1), 1, BOTH), 1);
	CLAIM(c, conform_writes(c, AT, 1));
}

/* Released and assigned again it is where it was; until it is turned on there, nothing answers. */
static void
reassigned(struct conform *c)
{
	rid_t rid = c->edu->dev.rid;
	u32 bar = pci_read(rid, CFG_BAR, 4), id = REG32(c->reg, 0);

	until(c, "reassign", -HC_ENOENT);
	IS(c, pci_read(rid, CFG_BAR, 4), bar);
	IS(c, REG32(c->reg, 0), ~0u);
	pci_write(rid, CFG_COMMAND, 2, CMD_MEMORY | CMD_MASTER);
	IS(c, REG32(c->reg, 0), id);
	IS(c, call(HC_attach, rid, 0, 0), 0);
	IS(c, map(c, AT, conform_pa(c, 1), 1, BOTH), 1);
	CLAIM(c, conform_writes(c, AT, 1));
}

const struct clause conform_pv[] = {
	{GUEST, "ENOSYS: no such call", no_call},
	{GUEST, "EINVAL: reserved arguments", reserved},
	{GUEST, "ENODEV: no such device", no_device},
	{GUEST, "ENOENT: not mapped, attached or bound", no_entry},
	{GUEST, "EEXIST: mapped, attached or bound already", already},
	{GUEST, "EINVAL: bad arguments", bad_argument},
	{GUEST, "EACCES: no memory of this VM", not_ours},
	{GUEST, "EDQUOT: exactly at the quota, pins until the sync", quota},
	{GUEST, "a long map is done in parts of 64 pages", parts},
	{GUEST, "a batch ends behind what was done in part", batch},
	{GUEST, "EPERM: denied, and permitted again", denied},
	{GUEST, "released and assigned again: its registers answer", reassigned},
	{0},
};
