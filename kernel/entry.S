/* Into the kernel and out of it: trap vectors, system calls, context switch, user copies. */
#include "kernel/trap.h"

.text

/* One stub for each vector: pushes an error code where the CPU does not, and the number. */
.balign 16
.global vector_stubs
vector_stubs:
.set v, 0
.rept 256
	.balign 16
	.if !(v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30)
	push $0
	.endif
	push $v
	jmp trap_entry
	.set v, v + 1
.endr

.macro push_regs
	.irp r, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	push %\r
	.endr
.endm

.macro pop_regs
	.irp r, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
	pop %\r
	.endr
.endm

/* The frame has vector below error; struct trapframe says so too. */
trap_entry:
	push_regs
	cld
	pushfq			/* a gate keeps AC, and with it SMAP would be off */
	andl $~0x40000, (%rsp)
	popfq
	cmpq $VEC_NMI, TF_VECTOR(%rsp)
	je nmi_entry
	testb $3, TF_CS(%rsp)
	jz 1f
	swapgs
1:	mov %rsp, %rdi
	mov TF_RBP(%rsp), %rbp
	call trap
.global trap_return
trap_return:
	cli
	testb $3, TF_CS(%rsp)
	jz restore
	swapgs
restore:
	pop_regs
	add $16, %rsp
	iretq

/*
 * An NMI may come where the code segment does not tell whose GS it is: just behind SYSCALL, just
 * before the SWAPGS of a return. The kernel's GS base is in the upper half, a program's is not.
 */
nmi_entry:
	mov $0xc0000101, %ecx	/* GS base */
	rdmsr
	mov %edx, %ebx		/* kept through the call */
	test %ebx, %ebx
	js 1f
	swapgs
1:	mov %rsp, %rdi
	mov TF_RBP(%rsp), %rbp
	call trap
	test %ebx, %ebx
	js restore
	swapgs
	jmp restore

/* SYSCALL: RCX = return RIP, R11 = RFLAGS; interrupts are off (SFMASK). */
.global syscall_entry
syscall_entry:
	swapgs
	mov %rsp, %gs:CPU_USER_RSP
	mov %gs:CPU_KERNEL_RSP, %rsp
	push $SEL_UDATA
	push %gs:CPU_USER_RSP
	push %r11
	push $SEL_UCODE
	push %rcx
	push %rax		/* error = the number */
	push $256
	push_regs
	sti
	mov %rsp, %rdi
	xor %ebp, %ebp
	call syscall
	jmp trap_return

/* void switch_context(u64 *save_rsp, u64 new_rsp): saves what a callee must keep. */
.global switch_context
switch_context:
	.irp r, rbp, rbx, r12, r13, r14, r15
	push %\r
	.endr
	mov %rsp, (%rdi)
	mov %rsi, %rsp
	.irp r, r15, r14, r13, r12, rbx, rbp
	pop %\r
	.endr
	ret

/* Where a new process or thread first runs: thread_start() leaves, then as from a trap. */
.global first_return
first_return:
	xor %ebp, %ebp
	call thread_start
	jmp trap_return

/* size_t copy_user(void *dst, const void *src, size_t n, bool smap): bytes not copied. */
.global copy_user
copy_user:
	mov %rdx, %rax
	mov %rcx, %r8
	test %r8d, %r8d
	jz 1f
	stac
1:	mov %rax, %rcx
	shr $3, %rcx
2:	rep movsq
	mov %rax, %rcx
	and $7, %ecx
3:	rep movsb
4:	mov %rcx, %rax
	test %r8d, %r8d
	jz 5f
	clac
5:	ret
.section .ex_table, "a"
	.quad 2b, 6f, 3b, 4b
.text
6:	mov $1, %ecx		/* some are missing; how many does not matter */
	jmp 4b

.section .note.GNU-stack, "", @progbits
