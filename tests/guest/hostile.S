/*
 * Guests that misbehave, one image each by KIND: they enter through the same door as any kernel
 * (multiboot2, 32-bit). 1: triple fault. 2: loops with interrupts off. 3: random hypercalls. 4:
 * random ports, MSRs, CPUID leaves and accesses to configuration space. 5: touches memory that is
 * not there. 6: grants without end. 7: page tables of its own at random. 8: edu programmed at random,
 * its DMA aimed at the host's interrupts too. 9: NVMe registers at random, and queues that its own
 * commands overwrite. 10: exits as fast as they come. 11: counts what it may see of CPUID and MSRs, and writes
 * CR8.
 * 12, 13: keep different FPU states and XCR0s. 14: turns on what XCR0 is not to have. 20: asks for
 * the power button, and then does as 2. All but 1, 2, 5 and 20 end with status 0 when they are
 * through. SLOW: a million of 3, 4 and 7; many of the rest.
 */
#ifdef SLOW
#define ROUNDS(few, many) many
#else
#define ROUNDS(few, many) few
#endif
#if KIND == 4
#define RID 0x30
#elif KIND == 9
#define RID 0x38
#else
#define RID 0x28
#endif

/* A hypercall with arguments that are there already, or are none. */
.macro no_more_arguments
	xor %r10d, %r10d
	xor %r8d, %r8d
.endm
/* A register of the device's configuration space: selected, and at port 0xcfc. */
.macro config offset
	mov $0x80000000 + (RID << 8) + \offset, %eax
	mov $0xcf8, %edx
	out %eax, (%dx)
	mov $0xcfc, %edx
.endm

.section .text
.balign 8
header:	.long 0xe85250d6, 0, 24, 0x100000000 - (0xe85250d6 + 24)
	.word 0, 0
	.long 8

.code32
.global _start
_start:	mov $0x12345678, %ebp		/* the state of the random numbers */
	mov $0x300000, %esp
#if KIND == 1
	lidt noidt
	int3
noidt:	.word 0
	.long 0
#elif KIND == 2 || KIND == 20
#if KIND == 20
	mov $11, %eax			/* gsi 9: vector 0x40 of CPU 0 */
	mov $9, %edi
	mov $0x40, %esi
	xor %edx, %edx
	vmmcall
#endif
1:	jmp 1b
#elif KIND == 5
	movl $1, 0x70000000
#endif
	/* Long mode, for all 64 bits of the registers: the first 16 MiB one to one, and devices. */
	movl $0x202003, 0x201000	/* PDPT -> page directory */
	movl $0xc0000093, 0x201018	/* PDPT: 1 GiB with the BARs */
	movl $0x201003, 0x200000	/* PML4 -> PDPT */
	mov $0x83, %eax
	mov $0x202000, %edi
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	cmp $0x202040, %edi
	jne 1b
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $0x200000, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $8, $long
.code64
long:	mov $0x203000, %edi		/* whatever happens leads to `caught`, which goes to R15 */
1:	movl $0x80000 + (caught - header), (%rdi)	/* selector 8; the image is at 0x100000 */
	movl $0x108e00, 4(%rdi)
	add $16, %edi
	cmp $0x204000, %edi
	jne 1b
	lidt idtr
	mov $1, %eax			/* attach, so that the rest has something to work on */
	mov $RID, %edi
	xor %esi, %esi
	xor %edx, %edx
	no_more_arguments
	vmmcall
#if KIND == 6
	/* Grants without end, each in a table of its own, and none synced: what does the host lose? */
	mov $10000, %ecx
	mov $0x200000, %rsi
1:	push %rcx
	mov $3, %eax			/* map */
	mov $0x100000, %edx
	mov $1, %r10d
	mov $3, %r8d
	vmmcall
	mov $4, %eax			/* unmap */
	mov $1, %edx
	no_more_arguments
	vmmcall
	add $0x200000, %rsi
	pop %rcx
	dec %ecx
	jnz 1b
#elif KIND == 3
	mov $ROUNDS(50000, 1000000), %ecx
1:	push %rcx
	call random64
	mov %eax, %esi
	and $0xff000, %esi		/* IOVA: a few hundred pages, so that calls meet */
	call random64
	mov %eax, %edx
	and $0xfff000, %edx		/* map: GPA; unmap: a number of pages, below */
	call random64
	mov %eax, %r10d
	and $7, %r10d			/* map: pages; unmap: flags */
	call random64
	mov %eax, %r8d
	and $3, %r8d			/* map: permission */
	mov $RID, %edi			/* the device; now and then another */
	call random64
	test $31, %al
	cmove %eax, %edi
	mov %eax, %r9d
	call random64
	test $15, %al
	jnz 2f
	mov %eax, %edx			/* now and then nonsense */
	shl $32, %r10
	or %rax, %r10
2:	call random64
	and $15, %eax			/* calls 0 to 15: some do not exist */
	cmp $4, %eax
	jne 3f
	shr $12, %edx
	and $7, %edx
	and $1, %r10d
	xor %r8d, %r8d
3:	cmp $3, %eax
	cmovg zero, %r8
	je 4f
	cmp $4, %eax
	je 4f
	cmp $7, %eax
	je 4f
	test $7, %r9d			/* mostly without arguments that the call does not have */
	jz 4f
	xor %esi, %esi
	xor %edx, %edx
	no_more_arguments
4:	vmmcall
	pop %rcx
	dec %ecx
	jnz 1b
#elif KIND == 4
	mov $ROUNDS(20000, 1000000), %r14d
	mov $2f, %r15d
1:	call random64			/* a port, in each of three sizes */
	mov %eax, %edx
	and $0xffff, %edx
	cmp $0xf4, %dx			/* not the way out, nor the power-off register */
	je 3f
	cmp $0x604, %dx
	je 3f
	call random64
	out %al, (%dx)
	in (%dx), %al
	out %ax, (%dx)
	in (%dx), %ax
	out %eax, (%dx)
	in (%dx), %eax
3:	call random64			/* configuration space: of the device, mostly */
	and $0xfc, %eax
	or $0x80000000 + (RID << 8), %eax
	test $0xc, %bl
	jnz 4f
	xor %ebp, %eax
4:	mov $0xcf8, %edx
	out %eax, (%dx)
	call random64
	mov %eax, %edx
	and $3, %edx
	add $0xcfc, %edx
	out %eax, (%dx)
	out %al, (%dx)
	in (%dx), %ax
	call random64
	mov %eax, %ecx
	and $0xc00008ff, %ecx
	cpuid
	call random64			/* an MSR: often of the x2APIC, whose registers are many */
	mov %eax, %ecx
	and $0xc0011fff, %ecx
	test $0x30000000, %eax
	jnz 5f
	and $0x3f, %ecx
	or $0x800, %ecx
5:	rdmsr
	call random64
	mov %eax, %edx
	cmp $0x830, %ecx		/* an IPI, but no INIT: that would be the end */
	jne 6f
	and $~0x700, %eax
6:	wrmsr
2:	call random64
	mov %eax, %ebx
	dec %r14d
	jnz 1b
#elif KIND == 7
	/* 4 to 16 MiB are full of entries which lead to there; half of a table is one page of them. */
	mov $0x400000, %edi
1:	call random64
	mov %eax, %ecx
	call random64
	mov %eax, %edx
	and $0xfff000, %eax
	or $0x400000, %eax
	and $0x17f, %ecx		/* any flags, but no large pages: they lead out of memory */
	or %ecx, %eax
	mov %eax, (%rdi)
	mov %edx, %ecx
	and $0x80000000, %edx		/* NX */
	test $0xf00, %ecx
	jnz 2f
	or $0x100, %edx			/* reserved: beyond the physical addresses */
2:	mov %edx, 4(%rdi)
	add $8, %rdi
	cmp $0x1000000, %rdi
	jne 1b
	mov $ROUNDS(100000, 1000000), %r14d
	mov $2f, %r15d
1:	call random64
	mov %eax, %esi
	and $0xff, %esi
	jz 2f
	call random64			/* an entry of the PML4, which is the only one to stay */
	mov %eax, %edx
	and $0xfff067, %eax
	or $0x400001, %eax
	mov %rax, 0x200000(, %rsi, 8)
	mov $0x200000, %eax
	test $0x1000000, %edx
	jz 3f
	mov %rax, %cr3
3:	shl $39, %rsi
	call random64
	mov %rax, %rcx
	shl $7, %rcx
	and $-8, %rcx
	or %rcx, %rsi
	invlpg (%rsi)
	test $1, %al
	jz 4f
	mov (%rsi), %rax
	jmp 2f
4:	movq $0, (%rsi)
	jmp 2f
2:	dec %r14d
	jnz 1b
#elif KIND == 8 || KIND == 9
	config 4
	mov $6, %eax			/* memory and bus mastering */
	out %eax, (%dx)
	config 0x10
	in (%dx), %eax
	and $-16, %eax
	mov %eax, %r13d			/* its registers */
	mov $3, %eax			/* map: IOVA 0x1000, GPA 4 MiB, four pages */
	mov $0x1000, %esi
	mov $0x400000, %edx
	mov $4, %r10d
	mov $3, %r8d
	vmmcall
	mov $1f, %r15d
#if KIND == 8
	/* Messages with each vector of the host's, fixed: QEMU would take an INIT of them too. */
	xor %ecx, %ecx
1:	mov %ecx, %eax
	and $255, %eax
	test $3, %al			/* each fourth: timer, IPI, spurious, the first device */
	jnz 2f
	shr $2, %eax
	and $3, %eax
	mov aims(%rax), %al
2:	or $0x4020, %eax		/* none below 32: those are exceptions */
	mov %eax, 0x400000(, %rcx, 4)
	inc %ecx
	cmp $512, %ecx
	jne 1b
	mov $ROUNDS(40, 200), %r14d
	mov $0x1000, %esi		/* into edu's memory */
	mov $0x40000, %edi
	mov $0x7ff, %edx
	mov $1, %eax
	call dma
1:	mov $20, %ebx			/* registers below those of the DMA: any value */
2:	call random64
	mov %eax, %ecx
	and $0x7c, %ecx
	call random64
	and $0xfff, %eax		/* a factorial of 4095 takes a moment, one of 2^32 seconds */
	mov %eax, (%r13, %rcx)
	dec %ebx
	jnz 2b
	call random64			/* out of edu, to: */
	mov %eax, %esi
	and $0x7fc, %esi
	add $0x40000, %esi
	call random64
	mov %eax, %edi
	call random64
	mov %eax, %edx
	and $0x7ff, %edx
	inc %edx
	test $0x3000, %eax
	jz 3f				/* anywhere */
	test $0x4000, %eax
	jz 4f
	and $0x7ff, %edi		/* what is mapped, and a little before */
	add $0xc00, %edi
	jmp 3f
4:	and $0x3000, %edi		/* an interrupt for one of four CPUs */
	or $0xfee00000, %edi
	mov $4, %edx
3:	test $1, %r14b			/* each other time: each of the aims, at each CPU */
	jz 5f
	mov %r14d, %esi
	shl $3, %esi
	and $0x30, %esi
	add $0x40000, %esi
	mov %r14d, %edi
	shl $9, %edi
	and $0x3000, %edi
	or $0xfee00000, %edi
	mov $4, %edx
5:	mov $3, %eax
	call dma
	dec %r14d
	jnz 1b
	jmp done
dma:	mov %rsi, 0x80(%r13)		/* from, to, bytes, command */
	mov %rdi, 0x88(%r13)
	mov %rdx, 0x90(%r13)
	mov %rax, 0x98(%r13)
	mov $300000, %ecx		/* it may never end, without bus mastering */
5:	pause
	testl $1, 0x98(%r13)
	jz 6f
	dec %ecx
	jnz 5b
6:	ret
#else
	mov $ROUNDS(300, 3000), %r14d
1:	movl $0, 0x14(%r13)		/* off, then on with queues of 64 entries */
	movl $0x3f003f, 0x24(%r13)
	movq $0x1000, 0x28(%r13)
	movq $0x2000, 0x30(%r13)
	movl $0x460001, 0x14(%r13)
	mov $64, %ebx			/* commands: mostly Identify, and the rest random */
	mov $0x400000, %edi
2:	call random64
	mov %eax, %ecx
	and $0x0f, %ecx
	test $0x30, %al
	jz 3f
	mov $6, %ecx
3:	mov %ecx, (%rdi)
	movl $1, 4(%rdi)
	call random64
	mov %rax, 32(%rdi)
	mov %eax, 40(%rdi)
	and $0x7000, %eax		/* to where: the queues themselves, or what is not mapped */
	mov %rax, 24(%rdi)
	movq $0x1000, 32(%rdi)
	movl $1, 40(%rdi)
	add $64, %edi
	dec %ebx
	jnz 2b
	mov $40, %ebx			/* doorbells, at any time; and commands that change meanwhile */
4:	call random64
	mov %eax, %ecx
	and $63, %eax
	mov %eax, 0x1000(%r13)
	and $0xffc, %ecx
	mov %eax, 0x400000(%rcx)
	call random64
	and $63, %eax
	mov %eax, 0x1004(%r13)
	pause				/* others run: the device is one of them */
	dec %ebx
	jnz 4b
	mov $8, %ebx			/* any register */
5:	call random64
	mov %eax, %ecx
	and $0x103c, %ecx
	call random64
	mov %eax, (%r13, %rcx)
	dec %ebx
	jnz 5b
	dec %r14d
	jnz 1b
#endif
#elif KIND == 12 || KIND == 13
	/* Two that keep what they have in their registers, and different XCR0s. SSE: x87 as it was. */
#if KIND == 12
#define XCR0 7
#define MOVE vmovdqu
#define REG ymm
#else
#define XCR0 3
#define MOVE movdqu
#define REG xmm
#endif
	mov $0x12345678 + KIND, %ebp
	mov %cr4, %rax
	or $0x40600, %eax		/* OSFXSR, OSXMMEXCPT, OSXSAVE */
	mov %rax, %cr4
	mov $1, %eax
	cpuid
	mov $2, %eax			/* it has AVX, and OSXSAVE is shown as it is */
	not %ecx
	test $0x18000000, %ecx
	jnz out
	xor %ecx, %ecx
	xor %edx, %edx
	mov $XCR0, %eax
	xsetbv
	mov $0x400000, %edi
1:	call random64
	mov %eax, (%rdi)
	add $4, %edi
	cmp $0x400400, %edi
	jne 1b
	mov $0x400000, %edi
.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	MOVE 32 * \n(%rdi), %REG\n
.endr
	movl $0x1f80 + ((KIND & 3) << 13), (%rdi)
	ldmxcsr (%rdi)
#ifndef SSE
	movw $0x37f - ((KIND & 3) << 8), (%rdi)
	fldcw (%rdi)
.rept KIND - 7
	fildll 8(%rdi)
	add $8, %edi
.endr
#endif
	mov $0x410000, %edi		/* as it is to be */
	mov $7, %eax
	xor %edx, %edx
	xsave64 (%rdi)
	mov $3000, %r14d
1:	pause				/* others run */
	xor %ecx, %ecx
	xgetbv
	mov %eax, %ebx
	cmp $XCR0, %ebx
	mov $3, %eax
	jne out
	mov $7, %eax
	xor %edx, %edx
	mov $0x411000, %edi
	xsave64 (%rdi)
	mov $0x410000, %esi
	mov $104, %ecx
	repe cmpsq
	mov $4, %eax
	jne out
	dec %r14d
	jnz 1b
	xor %ecx, %ecx			/* the other's AVX is not there, either */
	xor %edx, %edx
	mov $7, %eax
	xsetbv
	xsave64 0x412000
#if KIND == 13
	mov $0x412000 + 576, %edi
	mov $32, %ecx
	xor %eax, %eax
	repe scasq
	mov $5, %eax
	jne out
#endif
#elif KIND == 14
	/* Turns on what it is not shown: is refused, or finds it empty; and leaves it full. */
	mov $again, %r15d
	mov %cr4, %rax
	or $0x440600, %eax		/* and PKE */
	mov %rax, %cr4
again:	mov %cr4, %rax
	or $0x40600, %eax
	mov %rax, %cr4
	mov $7, %r14d			/* what has been turned on */
	mov $2f, %r15d
.irp more, 0x18, 0x200, 0xe0
	xor %ecx, %ecx
	xor %edx, %edx
	mov %r14d, %eax
	or $\more, %eax
	xsetbv
	mov %eax, %r14d
2:	mov $2f, %r15d
.endr
2:	mov $again, %r15d		/* an exit in between has turned it off */
	mov %r14d, %eax
	and $-2, %eax			/* not x87 */
	xor %edx, %edx
	xsave64 0x410000
	xor %eax, %eax
	mov $0x410000 + 160, %edi	/* XMM; AVX; MPX, PKRU and the rest */
	mov $32, %ecx
	repe scasq
	jne 8f
	mov $0x410000 + 576, %edi
	mov $300, %ecx
	repe scasq
	jne 8f
	mov $0x400000, %edi		/* all of it, of a pattern */
	mov $0x5555555555555555, %rax
	mov $512, %ecx
	rep stosq
	movl $0x1f80, 0x400000 + 24
	mov $0x400000 + 512, %edi
	mov $8, %ecx
	xor %eax, %eax
	rep stosq
	mov %r14d, 0x400000 + 512
	mov %r14d, %eax
	and $-2, %eax
	xor %edx, %edx
	xrstor64 0x400000
	mov $1000, %ebx
1:	pause
	xor %ecx, %ecx
	xgetbv
	cmp $7, %eax			/* whatever it has turned on */
	mov $3, %eax
	jne out
	dec %ebx
	jnz 1b
	jmp done
8:	mov $2, %eax
	jmp out
#elif KIND == 11
	/* What it may see: CPUID leaves that are not zero, and MSRs that can be read. */
	xor %r14d, %r14d
	xor %esi, %esi			/* leaves from 0, 0x40000000, 0x80000000, 0xc0000000 */
1:	mov %esi, %eax
	xor %ecx, %ecx
	cpuid
	or %ebx, %eax
	or %ecx, %eax
	or %edx, %eax
	lea -0x80000002(%rsi), %ecx	/* the name: as the host has it */
	cmp $3, %ecx
	jb 3f
	cmp $1, %eax
	sbb $-1, %r14d
3:	inc %esi
	test $0xff, %sil
	jnz 1b
	add $0x3fffff00, %esi
	jnz 1b
	cmp $11, %r14d
	mov $1, %eax
	jne out
	xor %r14d, %r14d
	mov $3f, %r15d
	xor %esi, %esi			/* MSRs from 0, 0x40000000 and 0xc0000000, 0xc0010000 */
2:	mov %esi, %ecx
	rdmsr
	inc %r14d
3:	inc %esi
	cmp $0x2000, %si
	jne 2b
	cmp $0xc0012000, %esi
	je 4f
	and $0xffff0000, %esi
	cmp $0xc0000000, %esi
	je 5f
	add $0x40000000, %esi
	jmp 2b
5:	or $0x10000, %esi
	jmp 2b
4:	mov $2, %eax			/* 16 and 42 of the x2APIC */
	cmp $16 + 42, %r14d
	jne out
	mov $0x80f, %ecx		/* CR8 is not there, and not when an interrupt waits */
	mov $0x1ff, %eax
	xor %edx, %edx
	wrmsr
	mov $0x83f, %ecx		/* to itself, with interrupts off */
	mov $0x50, %eax
	wrmsr
	mov $6f, %r15d
	xor %eax, %eax
	mov %rax, %cr8
	mov $3, %eax
	jmp out
6:
#elif KIND == 10
	mov $0x80f, %ecx		/* the APIC on, its timer as fast as may be, never masked */
	mov $0x1ff, %eax
	xor %edx, %edx
	wrmsr
	mov $0x832, %ecx
	mov $0x20040, %eax
	wrmsr
	mov $0x838, %ecx
	mov $1, %eax
	wrmsr
	mov $ROUNDS(10000, 200000), %r14d
	mov $2f, %r15d
1:	xor %eax, %eax
	cpuid
	pause
	wbinvd
	mov $0x80, %edx
	out %al, (%dx)
	xor %edx, %edx
	mov $0x83f, %ecx		/* to itself */
	mov $0x50, %eax
	wrmsr
	mov $0, %eax
	vmmcall
	sti				/* one of both comes */
	nop
	cli
2:	mov $0x80b, %ecx		/* end of interrupt */
	xor %eax, %eax
	xor %edx, %edx
	wrmsr
	mov $3f, %r15d
	ud2
3:	mov $4f, %r15d
	push $0x102			/* #DB, by single step */
	popf
	nop
4:	mov $5f, %r15d
	mov %rax, %dr7
5:	mov $6f, %r15d
	mov $0x1234, %ecx
	rdmsr
6:
	mov $7f, %r15d
	mov 0x1000000, %eax
7:	mov $2b, %r15d
	dec %r14d
	jnz 1b
#endif
done:	xor %eax, %eax
out:	mov $0xf4, %edx
	out %eax, (%dx)
1:	hlt
	jmp 1b
caught:	mov $0x300000, %esp
	jmp *%r15
random64:
	mov %ebp, %eax			/* xorshift */
	shl $13, %eax
	xor %eax, %ebp
	mov %ebp, %eax
	shr $17, %eax
	xor %eax, %ebp
	mov %ebp, %eax
	shl $5, %eax
	xor %eax, %ebp
	mov %ebp, %eax
	ret
.balign 8
zero:	.quad 0
aims:	.byte 0xe0, 0xe1, 0xff, 0x30
gdt:	.quad 0, 0x00af9a000000ffff
gdtr:	.word 15
	.long gdt
idtr:	.word 4095
	.quad 0x203000
.section .note.GNU-stack, "", @progbits
