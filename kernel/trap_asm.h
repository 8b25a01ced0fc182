/* Offsets that entry.S needs; trap.c asserts that they are those of the C structures. */
#ifndef KERNEL_TRAP_ASM_H
#define KERNEL_TRAP_ASM_H

#define TF_RBP         64
#define TF_VECTOR      120
#define TF_CS          144
#define CPU_USER_RSP   8
#define CPU_KERNEL_RSP 16
#ifdef __ASSEMBLER__
#define SEL_UDATA   0x1b
#define SEL_UCODE   0x23
#define VEC_NMI     2
#define MSR_GS_BASE 0xc0000101
#endif

#endif
