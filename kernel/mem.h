/*
 * Address spaces. The kernel's upper half is the same everywhere:
 *
 *   0xffff800000000000  direct map of all RAM (never executable)
 *   0xffffc00000000000  device registers and firmware tables, mapped on demand
 *   0xffffffff80000000  the image: text RX, constants R, data RW
 *
 * A process has the lower half: its program from USER_BASE, the heap behind it, the stack below
 * USER_TOP.
 */
#pragma once

#include "hal/pt.h"

#define KERNEL_BASE   0xffffffff80000000UL
#define DIRECT_BASE   0xffff800000000000UL
#define IOMAP_BASE    0xffffc00000000000UL
#define USER_BASE     0x400000UL
#define USER_TOP      0x7ffffff00000UL
#define USER_STACK    (USER_TOP - 16 * PAGE_SIZE)
#define USER_HEAP_END (USER_BASE + (1UL << 30)) /* program and heap */

static inline void *
phys_to_virt(paddr_t pa)
{
	return (void *)(pa + DIRECT_BASE);
}

/* The physical address behind a pointer into the direct map or the image. */
paddr_t virt_to_phys_image(const void *p);
static inline paddr_t
virt_to_phys(const void *p)
{
	paddr_t pa = (u64)p - DIRECT_BASE;

	return pa < IOMAP_BASE - DIRECT_BASE ? pa : virt_to_phys_image(p);
}

/* Before mem_init(): zeroed memory that is never given back. */
void *early_alloc(size_t n);
void mem_init(void);
/* This CPU: switch to the kernel's own tables, protections on. */
void mem_init_cpu(void);
void mem_load_kernel(void);

/*
 * Kernel pointers to physical memory that is not RAM: device registers (uncached) or firmware
 * tables. The same range asked for again gives the same pointer. NULL without memory.
 */
void *map_device(paddr_t pa, size_t len);
void *map_firmware(paddr_t pa, size_t len);

/* Whether pa is RAM that the boot loader told of (and so in the direct map). */
bool mem_is_ram(paddr_t pa);

/* The kernel's own table; every process has its upper half. */
extern struct pt kernel_pt;

struct aspace {
	struct pt pt;
	u64 heap; /* end of the program: from here on pages are given when they are touched */
	u64 brk;  /* end of the heap, bytes */
};

int aspace_create(struct aspace *as);
void aspace_destroy(struct aspace *as);
/* A copy of the current address space: pages are shared until one side writes. */
int aspace_copy(struct aspace *to, const struct aspace *from);
/* A page fault at va. True if the page is there now and the access may be tried again. */
bool aspace_fault(struct aspace *as, u64 va, bool write);
/* Ends the current address space's heap at `brk`, which is in it; pages behind are given back. */
void aspace_shrink(struct aspace *as, u64 brk);
void aspace_load(const struct aspace *as);
/* Maps zeroed pages over [va, va+len), skipping what is mapped. -ENOMEM may leave some of them. */
int aspace_grow(struct aspace *as, u64 va, u64 len, unsigned perm);
/* The kernel's address of a mapped byte, up to the end of its page; NULL if it is not mapped. */
void *aspace_virt(const struct aspace *as, u64 va);

/* Between the kernel and the current process. -EFAULT if the process has no such memory. */
int copy_in(void *dst, u64 user_src, size_t n);
int copy_out(u64 user_dst, const void *src, size_t n);
/* Copies a string with its NUL; its length, -EFAULT, or -ENAMETOOLONG if it exceeds size-1. */
int copy_in_string(char *dst, u64 user_src, size_t size);

/*
 * For a device: the kernel's address of the current process's byte at va, whose page then stays
 * where it is, with an owner more, until it is unpinned; by whomever. `write`: the device will
 * write to it. -EFAULT, also if the process may not write there itself.
 */
int user_page_pin(u64 va, bool write, void **at);
void user_page_unpin(paddr_t pa);
