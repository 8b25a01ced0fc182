/* VT-d: how a unit is made to forget: by its queue, or by registers where it has none. */
#include "hal/timer.h"
#include "hal/vtd/vtd.h"
#include "lib/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/x86.h"

void
vtd_flush(struct vtd *u, const void *p, size_t n)
{
	if (!ECAP_C(u->ecap))
		for (const char *c = p; c < (const char *)p + n; c += 64)
			clflush(c);
}

/* Writes a command whose bit 63 the unit clears when it is done. */
static void
command64(struct vtd *u, unsigned reg, u64 v)
{
	vtd_reg64(u, reg) = BIT(63) | v;
	if (!timer_until(&vtd_reg32(u, reg + 4), BIT(31), 0))
		panic("vtd: invalidation by register 0x%x failed", reg);
}

/* 6.5.1: the registers (11.4.6) say the same as the descriptors, with the bits elsewhere. */
static void
by_register(struct vtd *u, u64 lo, u64 hi)
{
	u64 gran = lo >> 4 & 3, domain = lo >> 16 & 0xffff, drain = lo >> 6 & 3;
	unsigned iotlb = ECAP_IRO(u->ecap);

	if ((lo & 15) == INV_CONTEXT) {
		command64(u, CCMD, gran << 61 | (lo >> 32 & 0xffff) << 16 | domain);
	} else {
		vtd_reg64(u, iotlb) = hi;
		command64(u, iotlb + 8, gran << 60 | drain << 48 | domain << 32);
	}
}

void
vtd_invalidate(struct vtd *u, u64 lo, u64 hi)
{
	if (!u->queue) {
		by_register(u, lo, hi);
		return;
	}
	/* LAB 5: step 3: into the queue at u->tail; the unit may not snoop; it goes around. */
	u->queue[u->tail][0] = lo;
	u->queue[u->tail][1] = hi;
	vtd_flush(u, u->queue[u->tail], 16);
	u->tail = (u->tail + 1) % QUEUE_ENTRIES;
	/* LAB 5 ELSE
	LAB 5 END */
}

void
vtd_wait(struct vtd *u)
{
	u32 number = ++u->waits;

	if (!u->queue)
		return;
	/* LAB 5: step 3: a wait descriptor with this number; the tail; until u->done is it. */
	vtd_invalidate(u, INV_WAIT | WAIT_STATUS_WRITE | (u64)number << 32,
		virt_to_phys((void *)&u->done));
	vtd_reg64(u, IQT) = u->tail << 4;
	/* A unit that does not invalidate must not let anything through. */
	if (!timer_until(&u->done, ~0u, number))
		panic("vtd: invalidation failed (fault status 0x%x)", vtd_reg32(u, FSTS));
	/* LAB 5 ELSE
	u->done = number;
	LAB 5 END */
}

int
vtd_start_queue(struct vtd *u)
{
	/* LAB 5: step 3: a page, the tail, its address, G_QIE. Until then: registers. */
	if (!(u->queue = page_alloc(FRAME_TABLE)))
		return -ENOMEM;
	vtd_reg64(u, IQT) = 0;
	vtd_reg64(u, IQA) = virt_to_phys(u->queue); /* 128-bit descriptors, 256 of them */
	return vtd_command(u, G_QIE, true);
	/* LAB 5 ELSE
	return 0;
	LAB 5 END */
}
