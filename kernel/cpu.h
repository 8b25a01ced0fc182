/* What each CPU has for itself. GS points to it while the CPU is in the kernel. */
#pragma once

#include "kernel/spinlock.h"

#define MAX_CPUS 16

/* 64-bit task state segment, SDM vol. 3, 8.7. */
struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} PACKED;
_Static_assert(sizeof(struct tss) == 104, "TSS");

struct cpu {
	struct cpu *self; /* entry.S knows the offsets of the first three */
	u64 user_rsp;     /* while a system call switches stacks */
	u64 kernel_rsp;   /* top of the current process's kernel stack */
	int id;           /* 0 … ncpus-1 */
	u32 apic_id;
	int irq_off; /* depth of irq_push_off() */
	bool irq_were_on;
	bool smap;
	bool idle;         /* in HLT, or about to be: wake it with an IPI */
	bool resched;      /* the running thread has had its time slice */
	bool ticking;      /* the clock is armed for the end of a time slice at the latest */
	struct proc *proc; /* the running thread; NULL in the scheduler */
	u64 scheduler_rsp; /* the scheduler's saved context */
	u64 idle_since;    /* TSC at HLT; 0: awake */
	u64 idle_ticks;    /* of the TSC, in HLT */
	u64 switches;      /* threads run */
	u64 stolen;        /* of these, from another CPU's queue */
#ifdef DEBUG
	struct held_locks held; /* spin locks */
#endif
	u64 gdt[7];
	struct tss tss;
};

extern struct cpu cpus[MAX_CPUS];
extern int ncpus; /* that are up */

#define for_each_cpu(c) for (struct cpu *c = cpus; c < cpus + ncpus; c++)

/* This CPU. Stable only while interrupts are off. */
static inline struct cpu *
this_cpu(void)
{
	struct cpu *c;
	asm volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

/* Segments, task state, per-CPU pointer, traps and system calls of the CPU that calls it. */
void cpu_init(int id);
