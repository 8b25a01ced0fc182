/* Traps: exceptions, interrupts and system calls leave the same frame on the kernel stack. */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "kernel/types.h"

struct trapframe {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
	u64 vector, error; /* a system call: vector 256, error = its number */
	u64 rip, cs, rflags, rsp, ss;
};

#define VEC_PAGE_FAULT     14
#define VEC_NMI            2
#define VEC_INVALID_OPCODE 6
#define VEC_DOUBLE_FAULT   8
#define VEC_FIRST_IRQ      32

void trap_init(void); /* once */
void trap(struct trapframe *tf);
/* Boot option nmi=panic. */
extern bool nmi_panics;
const char *exception_name(unsigned vector);

/* Prints the callers of the frame at rbp, by name. */
void backtrace(u64 rbp);
/* The function around an address, and the offset in it; NULL if unknown. */
const char *symbol_of(u64 addr, u64 *offset);
void print_regs(const struct trapframe *tf);

/* Told of a page fault in the kernel where nothing is mapped: true if it has mended that. */
extern bool (*touch_watch)(u64 va, bool write, u64 rip);

#endif
