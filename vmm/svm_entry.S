/*
 * void svm_enter(paddr_t vmcb, u64 reg[16], paddr_t host_state)
 *
 * Called with IF = 0. The global interrupt flag is cleared first, and IF then set: an interrupt
 * that comes now waits until the guest runs and ends its run at once (AMD64 vol. 2, 15.13.1 and
 * 15.17). RAX and RSP of the guest are in the VMCB; the other registers are in reg[], in the
 * order of their numbers: RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15.
 */
.text
.global svm_enter
svm_enter:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	push %rsi
	push %rdx
	/* LAB 7: step 2: the global interrupt flag, then IF; the guest's FS, GS, TR (15.5, 15.17). */
	clgi
	sti
	mov %rdi, %rax
	vmload %rax
	/* LAB 7 ELSE
	LAB 7 END */
	mov 1*8(%rsi), %rcx
	mov 2*8(%rsi), %rdx
	mov 3*8(%rsi), %rbx
	mov 5*8(%rsi), %rbp
	mov 7*8(%rsi), %rdi
	mov 8*8(%rsi), %r8
	mov 9*8(%rsi), %r9
	mov 10*8(%rsi), %r10
	mov 11*8(%rsi), %r11
	mov 12*8(%rsi), %r12
	mov 13*8(%rsi), %r13
	mov 14*8(%rsi), %r14
	mov 15*8(%rsi), %r15
	mov 6*8(%rsi), %rsi
	/* LAB 7: step 2: in, and what VMLOAD has loaded back to the VMCB. */
	vmrun %rax
	vmsave %rax
	/* LAB 7 ELSE
	LAB 7 END */
	mov 8(%rsp), %rax
	mov %rcx, 1*8(%rax)
	mov %rdx, 2*8(%rax)
	mov %rbx, 3*8(%rax)
	mov %rbp, 5*8(%rax)
	mov %rsi, 6*8(%rax)
	mov %rdi, 7*8(%rax)
	mov %r8, 8*8(%rax)
	mov %r9, 9*8(%rax)
	mov %r10, 10*8(%rax)
	mov %r11, 11*8(%rax)
	mov %r12, 12*8(%rax)
	mov %r13, 13*8(%rax)
	mov %r14, 14*8(%rax)
	mov %r15, 15*8(%rax)
	/*
	 * QEMU 7.2 (do_vmexit) clears V_IRQ in a word to which another thread just may add a request:
	 * an interrupt of the host is lost, which a write to CR8 asks for again.
	 */
	xor %ecx, %ecx
	mov %rcx, %cr8
	pop %rax
	/* LAB 7: step 2: the host's FS, GS, TR; the interrupt flags as they were. */
	vmload %rax		/* GS, TR and the system call registers are the host's again */
	cli
	stgi
	/* LAB 7 ELSE
	LAB 7 END */
	pop %rsi
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret
.section .note.GNU-stack, "", @progbits
