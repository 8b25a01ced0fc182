/*
 * In a guest: the IOMMU contract by hypercall. There is no table here; the VMM checks each call,
 * pins the pages and programs the real IOMMU.
 */
#include "hal/pv.h"
#include "hal/irq.h"
#include "lib/abi.h"
#include "kernel/cpu.h"
#include "kernel/mem.h"
#include "kernel/trace.h"
#include "kernel/x86.h"

/* The ABI's numbers are ours, so nothing is converted on the way. */
_Static_assert((int)HC_READ == (int)IOMMU_READ, "permissions");
_Static_assert((int)HC_WRITE == (int)IOMMU_WRITE, "permissions");
_Static_assert((int)HC_EPERM == (int)EPERM && (int)HC_EDQUOT == (int)EDQUOT, "statuses");

static bool use_vmcall; /* on Intel */
u64 pv_calls;

bool
pv_present(void)
{
	static enum { UNKNOWN, NO, YES } state;
	u32 r[4];

	if (state == UNKNOWN) {
		cpuid(0, 0, r);
		use_vmcall = r[1] == 0x756e6547; /* "Genu" */
		/* The leaf, not CPUID.1:ECX[31], which QEMU 7.2 sets on the bare machine, too. */
		cpuid(HC_CPUID_BASE, 0, r);
		state = memcmp(&r[1], HC_SIGNATURE, 12) == 0 ? YES : NO;
	}
	return state == YES;
}

s64
pv_call(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	s64 ret;

	pv_calls++;
	if (use_vmcall)
		asm volatile("vmcall"
			     : "=a"(ret)
			     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			     : "memory");
	else
		asm volatile("vmmcall"
			     : "=a"(ret)
			     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
			     : "memory");
	return ret;
}

void
pv_cost(u64 cost[2])
{
	cost[0] = cost[1] = 0;
	for_each_cpu (c)
		cost[1] += c->idle_ticks;
	if (pv_present())
		cpuid(HC_CPUID_COST, 0, (u32 *)cost);
}

/* The VMM has blocked a DMA of a device of ours: reads its queue until it is empty. */
static void
fault_interrupt(void *arg)
{
	static struct hc_fault f; /* aligned, so within a page */

	while (pv_call(HC_fault, virt_to_phys(&f), 0, 0, 0, 0) > 0) {
		struct iommu_fault fault = {.rid = f.rid,
			.iova = {f.iova},
			.write = f.write,
			.reason = f.reason,
			.text = f.cut ? "the VMM has cut the device off" : "told by the VMM"};
		iommu_report(&fault);
	}
}

static int
pv_attach(struct domain *d, rid_t rid)
{
	static int fault_vector; /* one for all devices */
	int err = pv_call(HC_attach, rid, 0, 0, 0, 0);

	d->fixed = err == 1;
	err = MIN(err, 0);
	if (!err && !fault_vector)
		fault_vector = irq_alloc(fault_interrupt, NULL, "vmm fault");
	if (!err && fault_vector > 0) /* always on the same CPU: its handler has one record */
		pv_call(HC_bind, rid, HC_FAULT_INDEX, fault_vector, cpus[0].apic_id, 0);
	return err;
}

static void
pv_detach(struct domain *d, rid_t rid)
{
	pv_call(HC_detach, rid, 0, 0, 0, 0);
}

static int
pv_unmap(struct domain *d, iova_t iova, u32 npages, bool sync)
{
	/* LAB 10: step 6: by HC_unmap, HC_MAX_PAGES at most; go on where the VMM stopped. */
	while (npages) {
		u32 n = MIN(npages, HC_MAX_PAGES);
		s64 ret = pv_call(HC_unmap, d->rid, iova.v, n, sync ? HC_SYNC : 0, 0);

		if (ret < 0)
			return ret;
		if (ret == 0) /* the VMM may do less than was asked for, never nothing */
			return -EIO;
		npages -= ret;
		iova.v += ret * PAGE_SIZE;
	}
	return 0;
	/* LAB 10 ELSE
	return -ENOSYS;
	LAB 10 END */
}

static int
pv_map(struct domain *d, iova_t iova, paddr_t pa, u32 npages, unsigned perm)
{
	/* LAB 10: step 6: by HC_map. What fails half-way leaves nothing mapped. */
	u32 done = 0;

	while (done < npages) {
		u32 n = MIN(npages - done, HC_MAX_PAGES);
		s64 ret = pv_call(
			HC_map, d->rid, iova.v + done * PAGE_SIZE, pa + done * PAGE_SIZE, n, perm);

		if (ret <= 0) {
			if (done)
				pv_unmap(d, iova, done, true);
			return ret ? ret : -EIO;
		}
		done += ret;
	}
	return 0;
	/* LAB 10 ELSE
	return -ENOSYS;
	LAB 10 END */
}

/* Where nobody translates the VMM says where the pages are. One that lies elsewhere undoes all. */
static int
pv_place(struct domain *d, paddr_t pa, u32 npages, unsigned perm, iova_t *iova)
{
	s64 ret = 0;

	for (u32 done = 0; done < npages; done += ret & PAGE_MASK) {
		u32 n = MIN(npages - done, HC_MAX_PAGES);
		iova_t at;

		ret = pv_call(HC_place, d->rid, pa + (u64)done * PAGE_SIZE, n, perm, 0);
		at.v = ret & ~PAGE_MASK;
		if (!done)
			*iova = at;
		if (ret > 0 && at.v == iova->v + (u64)done * PAGE_SIZE)
			continue;
		if (ret > 0)
			pv_unmap(d, at, ret & PAGE_MASK, true);
		if (done)
			pv_unmap(d, *iova, done, true);
		return ret < 0 ? ret : -ERANGE;
	}
	return 0;
}

/* Does what a batch has left of a request: `done` pages are. */
static int
finish_request(struct domain *d, const struct iommu_request *r, u32 done)
{
	iova_t at = {r->iova.v + (u64)done * PAGE_SIZE};
	int err;

	if (!r->map)
		return pv_unmap(d, at, r->npages - done, true);
	err = pv_map(d, at, r->pa + (u64)done * PAGE_SIZE, r->npages - done, r->perm);
	if (err && done)
		pv_unmap(d, r->iova, done, true);
	return err;
}

static void
pv_sync(struct domain *d)
{
	/* LAB 10: step 6. */
	pv_call(HC_sync, d->rid, 0, 0, 0, 0);
	/* LAB 10 ELSE
	LAB 10 END */
}

/* Requests go over as they are, a page of them at a time; who batches serialises. */
static int
pv_batch(struct domain *d, struct iommu_request *r, unsigned n)
{
	static struct spinlock lock = SPINLOCK_INIT("pv batch");
	static struct hc_request page[HC_MAX_BATCH] __attribute__((aligned(PAGE_SIZE)));
	int err = 0;

	spin_lock(&lock);
	for (unsigned done = 0, k; done < n; done += k, r += k) {
		k = MIN(n - done, HC_MAX_BATCH);
		for (unsigned i = 0; i < k; i++)
			page[i] = (struct hc_request){.iova = r[i].iova.v,
				/* A map without permission is one that fails, not an unmap. */
				.gpa = r[i].map ? r[i].pa | !r[i].perm : 0,
				.pages = r[i].npages,
				.perm = r[i].map ? r[i].perm : 0};
		s64 ret = pv_call(HC_batch, d->rid, virt_to_phys(page), k, 0, 0);
		k = ret > 0 ? MIN(ret, k) : k;
		for (unsigned i = 0; i < k; i++) {
			/* A batch that is refused as a whole must not keep pages mapped. */
			s64 did = ret >= 0 ? page[i].result : r[i].map ? ret : 0;
			/* It stopped here: what it has left comes before the next request. */
			if (did >= 0 && did < r[i].npages)
				did = finish_request(d, &r[i], did);
			r[i].err = MIN(did, 0);
			err = err ? err : r[i].err;
		}
	}
	spin_unlock(&lock);
	return err;
}

static u64
pv_reach(void)
{
	return 1UL << HC_IOVA_BITS;
}

const struct iommu_ops pv_ops = {
	.name = "pv",
	.attach = pv_attach,
	.detach = pv_detach,
	.map = pv_map,
	.unmap = pv_unmap,
	.sync = pv_sync,
	.batch = pv_batch,
	.place = pv_place,
	.reach = pv_reach,
};

/* The guest traces from its start on: the VMM may read what, beside its own. */
static void
pv_offer_trace(void)
{
	if (pv_present() && trace_ring[0].records)
		pv_call(HC_trace, virt_to_phys(trace_ring), ncpus, 0, 0, 0);
}
INITCALL(INIT_DEVICE, pv_offer_trace);
