/*
 * The hypercall ABI: all that a guest's HAL and the VMM share. A guest finds the VMM by CPUID leaf
 * 0x40000000 (signature "HalcyonVMM\0\0" in EBX, ECX, EDX) and calls it with VMMCALL (SVM) or
 * VMCALL (VMX) from CPL 0: number in RAX, arguments in RDI, RSI, RDX, R10, R8. RAX returns a value
 * >= 0, or minus a status. Registers of arguments that a call does not have must be zero.
 *
 * Numbers are ABI: a new call gets a new number, an old one keeps its meaning.
 */
#pragma once

#define HC_SIGNATURE    "HalcyonVMM\0\0"
#define HC_CPUID_BASE   0x40000000 /* EAX: highest leaf */
#define HC_CPUID_TIMING 0x40000001 /* EAX: TSC in kHz; EBX: local APIC timer in kHz */
#define HC_CPUID_COST                                                               \
	0x40000002 /* EAX: exits so far; EDX:ECX: idle TSC ticks of the host's CPUs \
		    */

/*
 * HYPERCALL(number, name, argument count): the list that makes enum, table and names. `map` makes
 * HC_map below, and hc_map() in vmm/hypercall.c.
 *
 * A map call may do less than was asked for, never nothing: the caller goes on from there. unmap
 * names ranges that whole map calls (as far as they went) fill; part of one is -HC_EINVAL.
 *
 * Nobody may translate for a device: attach says so. Then map is -HC_EINVAL, and place instead pins
 * the pages and says where they are in the machine, as far as they lie together there.
 */
#define HYPERCALL_LIST(HYPERCALL)                                                                  \
	HYPERCALL(0, version, 0) /* () = HC_VERSION */                                             \
	HYPERCALL(1, attach, 1) /* (rid) = 0: an empty domain, all DMA blocked; or 1: see place */ \
	HYPERCALL(2, detach, 1) /* (rid): removes all grants; blocked again */                     \
	HYPERCALL(3, map, 5)    /* (rid, iova, gpa, pages, HC_READ|HC_WRITE) = pages mapped */     \
	HYPERCALL(4, unmap, 4)  /* (rid, iova, pages, HC_SYNC or 0) = pages removed */             \
	HYPERCALL(5, sync, 1)   /* (rid): the IOTLB is clean and the pins are gone on return */    \
	HYPERCALL(6, fault, 1)  /* (gpa): the oldest fault as struct hc_fault = 1, or 0: none */   \
	HYPERCALL(7, bind, 4)   /* (rid, index, vector, apic id): MSI or MSI-X to a vector */      \
	HYPERCALL(8, unbind, 2) /* (rid, index) */                                                 \
	HYPERCALL(9, batch, 3) /* (rid, gpa, n): n of struct hc_request, then a sync = how many */ \
	HYPERCALL(10, place, 4) /* (rid, gpa, pages, HC_READ|HC_WRITE) = bus address | mapped */   \
	HYPERCALL(11, gsi, 3)  /* (gsi, vector, apic id): no device's interrupt; vector 0: none */ \
	HYPERCALL(12, disk, 4) /* (HC_DISK_READ, block, gpa, n) = n; and so on */                  \
	HYPERCALL(13, trace, 2) /* (gpa, CPUs): the trace rings of so many (lib/trace.h) */

#define HC_VERSION 1

enum {
#define HYPERCALL(number, name, argc) HC_##name = number,
	HYPERCALL_LIST(HYPERCALL)
#undef HYPERCALL
		HC_COUNT
};

/* Statuses, returned negative. Each has one meaning. */
enum {
	HC_EPERM = 1,    /* denied by policy */
	HC_ENOENT = 2,   /* not mapped, not attached or not bound */
	HC_EIO = 5,      /* the disk fails */
	HC_ENOMEM = 12,  /* the host has no memory */
	HC_EACCES = 13,  /* not yours: the address is no memory of this VM */
	HC_EEXIST = 17,  /* mapped, attached or bound already */
	HC_ENODEV = 19,  /* no such device in this VM */
	HC_EINVAL = 22,  /* bad argument */
	HC_ENOSYS = 38,  /* no such call */
	HC_EDQUOT = 122, /* over quota */
};

enum { HC_READ = 1, HC_WRITE = 2 };        /* map: what the device may do */
enum { HC_SYNC = 1 };                      /* unmap: as if followed by sync */
enum { HC_GSI_UART = 4, HC_GSI_ACPI = 9 }; /* gsi: COM1 has received; the power button */
#define HC_IOVA_BITS   39     /* bus addresses that a guest may use, less the interrupt window */
#define HC_MAX_PAGES   512    /* of one map or unmap */
#define HC_NO_EOI      0x100  /* bind: with the vector, which then has no end of interrupt */
#define HC_FAULT_INDEX 0xffff /* bind, unbind: not a message, but word of the device's faults */

/* disk: SIZE gives its blocks; FLUSH returns when all is on the medium. Their arguments are 0. */
enum { HC_DISK_SIZE = 0, HC_DISK_READ = 1, HC_DISK_WRITE = 2, HC_DISK_FLUSH = 3 };
#define HC_BLOCK      4096
#define HC_MAX_BLOCKS 256 /* of one read or write */

#define HC_MAX_BATCH 64 /* requests of one batch, within one page */

/*
 * One map or unmap of a batch. They are done in order; one that fails does not stop the others, but
 * one that is done in part is the last: the caller does the rest of it before he goes on. 32
 * bytes.
 */
struct hc_request {
	unsigned long long iova;
	unsigned long long gpa; /* unmap: 0 */
	unsigned int pages;
	unsigned int perm; /* map: HC_READ | HC_WRITE; unmap: 0 */
	long long result;  /* out: what map or unmap would return */
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct hc_request) == 32, "ABI");

/* A DMA of this VM's device that was blocked. 32 bytes. */
struct hc_fault {
	unsigned long long iova;
	unsigned int rid;
	unsigned int write;  /* 1: the device wanted to write */
	unsigned int reason; /* the unit's own number */
	unsigned int lost;   /* faults dropped before this one because the queue was full */
	unsigned int cut;    /* 1: and the device is cut off: it faulted without end */
	unsigned int reserved;
} __attribute__((aligned(32)));
_Static_assert(sizeof(struct hc_fault) == 32, "ABI");
