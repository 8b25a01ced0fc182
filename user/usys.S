/*
 * Where a program starts, and one stub for each system call. SYSCALL keeps its return address in
 * RCX, so the fourth argument travels in R10 instead.
 */
	.text
	.globl _start
_start:
	xor %ebp, %ebp		/* ends the chain of frames */
	call start_program	/* (argc, argv) are in place; never returns */

#define SYSCALL(number, name, argc)                                                               \
	.globl name; .type name, @function; name: mov %rcx, %r10; mov $number, %eax; syscall; ret;
#include "lib/syscalls.h"

	.section .note.GNU-stack, "", @progbits
