/* The instructions and register bits of x86-64 that C cannot say. SDM = Intel's manual, vol. 3. */
#pragma once

#include "lib/types.h"

/* Control registers, SDM 2.5. */
#define CR0_MP         BIT(1)
#define CR0_EM         BIT(2)
#define CR0_TS         BIT(3)
#define CR0_WP         BIT(16)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)

/* RFLAGS, SDM vol. 1, 3.4.3. */
#define FL_TF BIT(8)
#define FL_IF BIT(9)
#define FL_DF BIT(10)
#define FL_NT BIT(14)
#define FL_AC BIT(18)

/* Model-specific registers, SDM vol. 4. */
#define MSR_APIC_BASE      0x1b
#define MSR_PAT            0x277
#define MSR_EFER           0xc0000080
#define MSR_STAR           0xc0000081
#define MSR_LSTAR          0xc0000082
#define MSR_CSTAR          0xc0000083
#define MSR_SFMASK         0xc0000084
#define MSR_FS_BASE        0xc0000100
#define MSR_GS_BASE        0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102
#define EFER_SCE           BIT(0)
#define EFER_LME           BIT(8)
#define EFER_NXE           BIT(11)
#define EFER_SVME          BIT(12)

/* inb(port), outb(port, v); and so with w and l. */
#define PORT_ACCESS(size, type)                                            \
	static inline void out##size(u16 port, type v)                     \
	{                                                                  \
		asm volatile("out" #size " %0, %1" ::"a"(v), "Nd"(port));  \
	}                                                                  \
	static inline type in##size(u16 port)                              \
	{                                                                  \
		type v;                                                    \
		asm volatile("in" #size " %1, %0" : "=a"(v) : "Nd"(port)); \
		return v;                                                  \
	}
PORT_ACCESS(b, u8)
PORT_ACCESS(w, u16)
PORT_ACCESS(l, u32)
#undef PORT_ACCESS

static inline u64
rdmsr(u32 msr)
{
	u32 lo, hi;
	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return lo | (u64)hi << 32;
}

static inline void
wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline u64
xgetbv(void)
{
	u32 lo, hi;
	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return lo | (u64)hi << 32;
}

static inline void
xsetbv(u64 v)
{
	asm volatile("xsetbv" ::"c"(0), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline u64
rdtsc(void)
{
	u32 lo, hi;
	asm volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return lo | (u64)hi << 32;
}

static inline void
cpuid(u32 leaf, u32 sub, u32 r[4])
{
	asm volatile("cpuid"
		     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
		     : "a"(leaf), "c"(sub));
}

#define CR_ACCESS(n)                                                 \
	static inline u64 read_cr##n(void)                           \
	{                                                            \
		u64 v;                                               \
		asm volatile("mov %%cr" #n ", %0" : "=r"(v));        \
		return v;                                            \
	}                                                            \
	static inline void write_cr##n(u64 v)                        \
	{                                                            \
		asm volatile("mov %0, %%cr" #n ::"r"(v) : "memory"); \
	}
CR_ACCESS(0)
CR_ACCESS(2)
CR_ACCESS(3)
CR_ACCESS(4)
#undef CR_ACCESS

#define INSTRUCTION(name)                         \
	static inline void name(void)             \
	{                                         \
		asm volatile(#name ::: "memory"); \
	}
INSTRUCTION(cli)
INSTRUCTION(sti)
INSTRUCTION(pause)
#undef INSTRUCTION

static inline u64
read_flags(void)
{
	u64 v;
	asm volatile("pushfq; pop %0" : "=r"(v));
	return v;
}

static inline void
invlpg(u64 va)
{
	asm volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static inline void
clflush(const void *p)
{
	asm volatile("clflush (%0)" ::"r"(p) : "memory");
}
