/*
 * Tracepoints: what is recorded, and how it is read. The one list of them makes the enum, the
 * functions of the sites (kernel/trace.h), the text forms (dmatrace), and the table in /proc/trace.
 * Where Linux has the event it has Linux's name.
 */
#pragma once

#include "lib/format.h"
#include "lib/types.h"

/*
 * X(name, kind, format, what it says). Kind: a POINT in time; or ENTER, and in the next line LEAVE,
 * of something that takes time, on the CPU (interrupts are off) or else in the thread: the two are
 * turned on together. The format names the arguments of trace_NAME(id, n, a, b) in this order: %d a
 * number, %i one that may be negative, %x an address, %p one of a page with its permission in the
 * lowest bits, %r a device, %v a VM, %n a number of which /proc/vmm has the name, %c an NVMe
 * command; %s is a text of up to 16 characters in a and b.
 */
#define TRACE_EVENTS(X)                                                                            \
	X(kvm_entry, ENTER_CPU, "%v vcpu=%d rip=%x", "a virtual CPU enters the guest")             \
	X(kvm_exit, LEAVE, "%v vcpu=%d reason=%n rip=%x", "and has left it")                       \
	X(kvm_hypercall, ENTER, "%v nr=%n a0=%x a1=%x", "the guest has called, with 5 arguments")  \
	X(kvm_hypercall_done, LEAVE, "%v nr=%n ret=%i", "what the call returns")                   \
	X(irq_handler_entry, ENTER_CPU, "irq=%d name=%s", "an interrupt's handler begins")         \
	X(irq_handler_exit, LEAVE, "irq=%d", "and ends")                                           \
	X(dma_map_sg, ENTER, "device=%r dir=%d va=%x len=%d", "a driver maps a buffer")            \
	X(dma_map_done, LEAVE, "device=%r err=%i iova=%x pages=%d", "and has it, at that address") \
	X(dma_unmap_sg, ENTER, "device=%r pages=%d iova=%x", "a driver unmaps a buffer")           \
	X(dma_unmap_done, LEAVE, "device=%r", "and has it back")                                   \
	X(attach_device_to_domain, POINT, "domain=%d device=%r", "a device gets a table")          \
	X(map, POINT, "domain=%d pages=%d iova=%x pa=%p", "the table has them; pa: of the first")  \
	X(unmap, POINT, "domain=%d pages=%d iova=%x sync=%d", "they are about to be taken out")    \
	X(iommu_sync, ENTER, "domain=%d order=%d iova=%x", "the IOTLB is told to forget 2^order")  \
	X(iommu_sync_done, LEAVE, "domain=%d", "and has said that it has forgotten them")          \
	X(io_page_fault, POINT, "device=%r reason=%d iova=%x write=%d", "a DMA was blocked")       \
	X(page_pin, POINT, "%v pins=%d hpa=%x gpa=%x", "a frame has one pin more, that many now")  \
	X(page_unpin, POINT, "%v pins=%d hpa=%x gpa=%x", "and one less")                           \
	X(page_move, POINT, "%v gpa=%g from=%x to=%x", "a page of a VM has got another frame")     \
	X(nvme_setup_cmd, POINT, "device=%r %c prp1=%x slba=%d", "the device is told what to do")  \
	X(nvme_complete_rq, POINT, "device=%r %c status=%x", "and says that it has done it")

enum trace_event {
#define X(name, kind, format, text) TRACE_##name,
	TRACE_EVENTS(X)
#undef X
		TRACE_NEVENTS
};

enum trace_kind { TRACE_POINT, TRACE_ENTER, TRACE_ENTER_CPU, TRACE_LEAVE };
extern const struct trace_type {
	const char *name, *format, *text;
	enum trace_kind kind;
} trace_types[TRACE_NEVENTS];

/*
 * Marks the events whose names begin with one of the words, which are separated by commas, and the
 * other of each pair. "all": all; "off": none. False: a word names nothing.
 */
bool trace_named(const char *words, bool on[TRACE_NEVENTS]);
/* The list as a table. */
void trace_list(struct text *t, const bool on[TRACE_NEVENTS]);

/* One record. `tsc` is what its machine's time stamp counter has in these bits. */
struct trace_record {
	u64 tsc : 48, pid : 16; /* the thread that ran */
	u8 event, cpu;
	u16 id;
	u32 n;
	u64 a, b;
};
_Static_assert(sizeof(struct trace_record) == 32, "two in a cache line");

/*
 * A CPU's ring, in an array of them: a reader finds it in memory, a guest's too (hypercall trace).
 * Record i is at i modulo TRACE_RECORDS; of a full one the oldest may be about to be overwritten.
 */
struct trace_ring {
	u64 head;    /* records written, ever */
	u64 records; /* physical address; 0: none */
	u64 reserved[6];
};
#define TRACE_RECORDS 16384 /* of a ring */
