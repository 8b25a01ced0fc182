/*
 * From the boot loader to C. Two doors lead to the same 32-bit state (protected mode, paging
 * off): multiboot2 (GRUB, and our own VMM for its guests) and PVH (QEMU's -kernel). Both put the
 * address of a boot information block in EBX; we add which of the two it was.
 */
#define BOOT_MULTIBOOT2 1
#define BOOT_PVH 2

.section .boot.header, "a"
/* Multiboot2 specification, 3.1: header within the first 32 KiB, 8-byte aligned. */
.balign 8
header:
	.long 0xe85250d6, 0, header_end - header
	.long -(0xe85250d6 + 0 + (header_end - header))
	.balign 8		/* framebuffer, optional: no preference */
	.word 5, 1
	.long 20, 0, 0, 0
	.balign 8		/* modules on page boundaries */
	.word 6, 0
	.long 8
	.balign 8		/* end */
	.word 0, 0
	.long 8
header_end:

.section .note.pvh, "a", @note
	.long 4, 4, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_entry
	.long 0

.section .boot.text, "ax"
.code32
.global multiboot2_entry
multiboot2_entry:
	mov $BOOT_MULTIBOOT2, %edi
	cmp $0x36d76289, %eax
	je start32
	xor %edi, %edi		/* not a loader we know: C will say so */
	jmp start32

.global pvh_entry
pvh_entry:
	mov $BOOT_PVH, %edi

start32:
	cld
	cli
	mov %ebx, %esi		/* second argument of kmain */
	mov $boot_stack_top, %esp

	/* The first 4 GiB three times: at 0, at the direct map, and (1 GiB of it) at KERNEL_BASE. */
	mov $boot_pd, %ebx
	mov $0x83, %eax		/* present, writable, 2 MiB */
	mov $2048, %ecx
1:	mov %eax, (%ebx)
	movl $0, 4(%ebx)
	add $0x200000, %eax
	add $8, %ebx
	loop 1b

	mov $boot_pd + 3, %eax
	mov $boot_pdpt, %ebx
	mov $4, %ecx
1:	mov %eax, (%ebx)
	add $4096, %eax
	add $8, %ebx
	loop 1b
	movl $boot_pd + 3, boot_pdpt_high + 510 * 8
	movl $boot_pdpt + 3, boot_pml4
	movl $boot_pdpt + 3, boot_pml4 + 256 * 8
	movl $boot_pdpt_high + 3, boot_pml4 + 511 * 8

.global boot_long_mode32
boot_long_mode32:		/* the other CPUs come here too, ESP and EDI set */
	mov %cr4, %eax
	or $0x20, %eax		/* PAE */
	mov %eax, %cr4
	mov $boot_pml4, %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx	/* EFER: LME, NXE, SCE */
	rdmsr
	or $0x901, %eax
	wrmsr
	mov %cr0, %eax
	and $0x9fffffff, %eax	/* CD, NW off: caches on */
	or $0x80010001, %eax	/* PG, WP, PE */
	mov %eax, %cr0
	lgdt boot_gdt_ptr
	ljmp $8, $start64

.code64
start64:
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	mov %eax, %ss
	test %edi, %edi
	js ap
	mov $boot_cpu_stack_top, %rsp
	xor %ebp, %ebp
	movabs $kmain, %rax
	call *%rax
ap:	movabs $ap_high, %rax
	jmp *%rax

/* The stack may lie above 4 GiB, where only the kernel's own tables reach; they have no lower half. */
.text
ap_high:
	mov ap_cr3(%rip), %rax	/* both set by the CPU that starts us */
	mov %rax, %cr3
	mov ap_stack(%rip), %rsp
	xor %ebp, %ebp
	call ap_main

.section .boot.text, "ax"

.balign 8
boot_gdt:
	.quad 0, 0x00af9a000000ffff
boot_gdt_ptr:
	.word 15
	.long boot_gdt

.section .boot.tables, "aw", @nobits
.balign 4096
.global boot_pml4
boot_pml4:	.skip 4096
boot_pdpt:	.skip 4096
boot_pdpt_high:	.skip 4096
boot_pd:	.skip 4 * 4096
		.skip 256
boot_stack_top:

/*
 * Where another CPU wakes after INIT/SIPI: real mode, CS:IP = page:0. The code is copied to
 * the page 0x8000 (below 1 MiB) and brings the CPU to boot_long_mode32 with EDI negative.
 */
.section .rodata
.global ap_trampoline, ap_trampoline_end
.code16
ap_trampoline:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl 0x8000 + ap_gdt_ptr - ap_trampoline
	mov %cr0, %eax
	or $1, %eax
	mov %eax, %cr0
	ljmpl $8, $0x8000 + ap_32 - ap_trampoline
.code32
ap_32:	mov $16, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $-1, %edi
	mov $boot_long_mode32, %eax
	jmp *%eax
.balign 8
ap_gdt:	.quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
ap_gdt_ptr:
	.word 23
	.long 0x8000 + ap_gdt - ap_trampoline
ap_trampoline_end:

.section .bss
.balign 16
	.skip 16384
.global boot_cpu_stack_top
boot_cpu_stack_top:
.section .note.GNU-stack, "", @progbits
