/*
 * Guests that misbehave, one image each by KIND: they enter through the same door as any kernel
 * (multiboot2, 32-bit). 1: triple fault. 2: loops with interrupts off. 3: random hypercalls. 4:
 * random ports, MSRs and CPUID leaves. 5: touches memory that is not there. 20: asks for the
 * power button, and then does as 2. 3 and 4 end with status 0 when they are through.
 */
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
	lidt idt
	int3
#elif KIND == 2 || KIND == 20
#if KIND == 20
	mov $11, %eax			/* gsi 9: vector 0x40 of CPU 0 */
	mov $9, %edi
	mov $0x40, %esi
	xor %edx, %edx
	vmmcall
#endif
1:	jmp 1b
#elif KIND == 3 || KIND == 6
	/* Long mode, for all 64 bits of the registers: the first 8 MiB one to one. */
	movl $0x202003, 0x201000	/* PDPT -> page directory */
	movl $0x201003, 0x200000	/* PML4 -> PDPT */
	mov $0x83, %eax
	mov $0x202000, %edi
1:	mov %eax, (%edi)
	add $0x200000, %eax
	add $8, %edi
	cmp $0x202020, %edi
	jne 1b
	mov %cr4, %eax
	or $0x20, %eax
	mov %eax, %cr4
	mov $0x200000, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	lgdt gdtr
	ljmp $8, $long
.code64
long:	mov $1, %eax			/* attach, so that the rest has something to work on */
	mov $0x28, %edi
	xor %esi, %esi
	xor %edx, %edx
	xor %r10d, %r10d
	xor %r8d, %r8d
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
	xor %r10d, %r10d
	xor %r8d, %r8d
	vmmcall
	add $0x200000, %rsi
	pop %rcx
	dec %ecx
	jnz 1b
	jmp 6f
#endif
	mov $50000, %ecx
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
	mov $0x28, %edi			/* the device; now and then another */
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
	xor %r10d, %r10d
	xor %r8d, %r8d
4:	vmmcall
	pop %rcx
	dec %ecx
	jnz 1b
6:	xor %eax, %eax
	mov $0xf4, %edx
	out %eax, (%dx)
5:	hlt
	jmp 5b
random64:
	mov %ebp, %eax
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
gdt:	.quad 0, 0x00af9a000000ffff
gdtr:	.word 15
	.long gdt
.code32
#elif KIND == 4
	mov $20000, %ebx
1:	push %ebx
	call random
	mov %eax, %edx
	and $0xffff, %edx
	cmp $0xf4, %edx			/* not the way out, nor the power-off register */
	je 2f
	cmp $0x604, %edx
	je 2f
	call random
	out %eax, (%dx)
	in (%dx), %al
2:	call random
	mov %eax, %ecx
	and $0x800008ff, %ecx
	cpuid
	call random
	and $0x8ff, %eax
	or $0x800, %eax			/* the x2APIC's range: unknown ones are #GP, so only known */
	mov $0x808, %ecx
	rdmsr
	wrmsr
	pop %ebx
	dec %ebx
	jnz 1b
#elif KIND == 5
	movl $1, 0x70000000
#endif
	xor %eax, %eax
	mov $0xf4, %edx
	out %eax, (%dx)
4:	hlt
	jmp 4b

random:	mov %ebp, %eax			/* xorshift */
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
idt:	.word 0
	.long 0
.section .note.GNU-stack, "", @progbits
