/*
 * Two CPUs that count for ever, each in a page of its own, and never leave the guest by themselves:
 * one in protected mode at 3 MiB, one in real mode at 0x9000. What a CPU reads is not what it wrote
 * last? Then its page has moved, and it wrote on through the old translation: the VM ends with 1.
 */
.section .text
.balign 8
header:	.long 0xe85250d6, 0, 24, 0x100000000 - (0xe85250d6 + 24), 0, 8

.code32
.global _start
_start:	mov $count16, %esi		/* the other CPU starts in real mode, at 0x8000 */
	mov $0x8000, %edi
	mov $end16 - count16, %ecx
	rep movsb
	mov $0x830, %ecx		/* to CPU 1: INIT, then SIPI with page 8 */
	mov $1, %edx
	mov $0x4500, %eax
	wrmsr
	mov $0x4608, %eax
	wrmsr
	mov $0x300000, %edi
	mov $0x42, %eax			/* its page is there: "B" */
	mov %eax, (%edi)
	mov $0x3f8, %edx
	out %al, (%dx)
	mov $10, %al
	out %al, (%dx)
	mov %eax, (%edi)
1:	cmp %eax, (%edi)
	jne 2f
	inc %eax
	mov %eax, (%edi)
	jmp 1b
2:	mov $1, %eax
	mov $0xf4, %edx
	out %eax, (%dx)
	hlt

.code16
count16: xor %eax, %eax
	mov %ax, %ds
	mov $0x9000, %bx
	mov $0x41, %al			/* "A" */
	mov %eax, (%bx)
	mov $0x3f8, %dx
	out %al, %dx
	mov $10, %al
	out %al, %dx
	mov %eax, (%bx)
1:	cmp %eax, (%bx)
	jne 2f
	inc %eax
	mov %eax, (%bx)
	jmp 1b
2:	mov $1, %eax
	mov $0xf4, %dx
	out %eax, %dx
	hlt
end16:
.section .note.GNU-stack, "", @progbits
