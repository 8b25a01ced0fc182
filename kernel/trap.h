/* Traps: exceptions, interrupts and system calls leave the same frame on the kernel stack. */
#pragma once

/* Segment selectors. SYSRET wants user data below user code (SDM vol. 2, SYSRET). */
#define SEL_KCODE 0x08
#define SEL_KDATA 0x10
#define SEL_UDATA 0x1b
#define SEL_UCODE 0x23
#define SEL_TSS   0x28

#define VEC_NMI            2
#define VEC_INVALID_OPCODE 6
#define VEC_DOUBLE_FAULT   8
#define VEC_PAGE_FAULT     14
#define VEC_FIRST_IRQ      32

/* Offsets that entry.S needs; trap.c asserts that they are those of the C structures. */
#define TF_RBP         64
#define TF_VECTOR      120
#define TF_CS          144
#define CPU_USER_RSP   8
#define CPU_KERNEL_RSP 16

#ifndef __ASSEMBLER__
#include "lib/types.h"

struct trapframe {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error; /* a system call: vector 256, error = its number */
	u64 rip, cs, rflags, rsp, ss;
};

void trap_init(void); /* once */
void trap(struct trapframe *tf);
/* Boot option nmi=panic. */
extern bool nmi_panics;

/* Prints the callers of the frame at rbp, by name. */
void backtrace(u64 rbp);
/* Before a panic: a trap's registers and callers. */
void panic_trap(const struct trapframe *tf);
/* The function around an address, and the offset in it; NULL if unknown. */
const char *symbol_of(u64 addr, u64 *offset);

/* Told of a page fault in the kernel where nothing is mapped: true if it has mended that. */
extern bool (*touch_watch)(u64 va, bool write, u64 rip);

#endif
