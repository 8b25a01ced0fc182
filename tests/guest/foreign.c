/*
 * A guest that is not ours: it shares no code with the kernel but hal/hypercall.h, and was written
 * from hal/HYPERCALLS.md. It enters through the multiboot2 door, finds the VMM, finds edu
 * (1234:11e8), lets it reach one page, and looks at what arrives there and what does not. It prints
 * a line for each check, and powers off with the number of those that failed.
 */
#include "hal/hypercall.h"

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

/* Multiboot2 header, and the way from 32-bit protected mode to long mode: the first 4 GiB one to
 * one. */
asm("	.balign 8\n"
    "	.long 0xe85250d6, 0, 24, 0x100000000 - (0xe85250d6 + 24), 0, 8\n"
    "	.code32\n"
    "	.globl _start\n"
    "_start: mov $stack + 16384, %esp\n"
    "	mov %ebx, boot_info\n"
    "	mov $pml4, %edi\n"
    "	movl $pdpt + 3, (%edi)\n"
    "	mov %edi, %cr3\n"
    "	mov $4, %ecx\n" /* four directories of 512 leaves of 2 MiB */
    "	mov $pdpt, %edi\n"
    "	mov $directory + 3, %eax\n"
    "1:	mov %eax, (%edi)\n"
    "	add $4096, %eax\n"
    "	add $8, %edi\n"
    "	loop 1b\n"
    "	mov $2048, %ecx\n"
    "	mov $directory, %edi\n"
    "	mov $0x83, %eax\n"
    "1:	mov %eax, (%edi)\n"
    "	add $0x200000, %eax\n"
    "	add $8, %edi\n"
    "	loop 1b\n"
    "	mov $0x20, %eax\n" /* CR4.PAE, EFER.LME, CR0.PG and PE */
    "	mov %eax, %cr4\n"
    "	mov $0xc0000080, %ecx\n"
    "	mov $0x100, %eax\n"
    "	xor %edx, %edx\n"
    "	wrmsr\n"
    "	mov $0x80000001, %eax\n"
    "	mov %eax, %cr0\n"
    "	lgdt gdtr\n"
    "	ljmp $8, $2f\n"
    "	.code64\n"
    "2:	call foreign\n"
    "	.balign 8\n"
    "gdt:	.quad 0, 0x00209a0000000000\n"
    "gdtr:	.word 15\n"
    "	.long gdt\n");

#define PAGE __attribute__((aligned(4096), used))
static u64 pml4[512] PAGE, pdpt[512] PAGE, directory[2048] PAGE;
static u8 stack[16384] PAGE;
static volatile u8 page[4096] PAGE, secret[4096] PAGE;
static u32 failed;
__attribute__((used)) static u32 boot_info; /* as the loader left it: multiboot2 */

static void
outl(unsigned short port, u32 v)
{
	asm volatile("outl %0, %1" ::"a"(v), "d"(port));
}

static u32
inl(unsigned short port)
{
	u32 v;

	asm volatile("inl %1, %0" : "=a"(v) : "d"(port));
	return v;
}

static u8
inb(unsigned short port)
{
	u8 v;

	asm volatile("inb %1, %0" : "=a"(v) : "d"(port));
	return v;
}

static void
print(const char *s)
{
	for (; *s; s++) {
		while (!(inb(0x3fd) & 0x20))
			;
		asm volatile("outb %0, %1" ::"a"(*s), "d"((unsigned short)0x3f8));
	}
}

static void
check(const char *what, int good)
{
	print(good ? "ok " : "FAILED ");
	print(what);
	print("\n");
	failed += !good;
}

static void
cpuid(u32 leaf, u32 r[4])
{
	asm volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(0));
}

static long
call(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	long ret;

	asm volatile("vmmcall"
		     : "=a"(ret)
		     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		     : "memory");
	return ret;
}

static u32
config(u32 rid, u32 reg)
{
	outl(0xcf8, 1u << 31 | rid << 8 | reg);
	return inl(0xcfc);
}

static u64
tsc(void)
{
	u32 low, high;

	asm volatile("rdtsc" : "=a"(low), "=d"(high));
	return (u64)high << 32 | low;
}

/*
 * One DMA of 16 bytes between edu's buffer and the bus address `at`; it interrupts if asked to.
 * False if it has not ended after five seconds.
 */
static int
dma(volatile u8 *edu, u64 at, int to_memory, int interrupt)
{
	u32 r[4];
	u64 start = tsc();

	cpuid(HC_CPUID_TIMING, r);
	*(volatile u64 *)(edu + 0x80) = to_memory ? 0x40000 : at;
	*(volatile u64 *)(edu + 0x88) = to_memory ? at : 0x40000;
	*(volatile u64 *)(edu + 0x90) = 16;
	*(volatile u64 *)(edu + 0x98) = 1 | to_memory << 1 | interrupt << 2;
	while (*(volatile u64 *)(edu + 0x98) & 1) {
		if (tsc() - start > 5000ULL * r[0])
			return 0;
		asm volatile("pause");
	}
	return 1;
}

/* Whether 16 bytes at p count up from `first`; or are all `first`, if step is 0. */
static int
are(volatile u8 *p, u8 first, u8 step)
{
	for (int i = 0; i < 16; i++, first += step)
		if (p[i] != first)
			return 0;
	return 1;
}

/* Does a device reach what it was granted, and nothing else? */
static void
try_edu(u32 rid)
{
	enum { AT = 0x5000000, VECTOR = 0x45 };
	static struct hc_fault fault;
	u64 gpa = (u64)page, irr = 0, start, at = AT;
	volatile u8 *edu;
	long n;

	outl(0xcf8, 1u << 31 | rid << 8 | 4);
	outl(0xcfc, 6); /* memory, bus master */
	edu = (volatile u8 *)(u64)(config(rid, 0x10) & ~15u);
	check("edu is there", *(volatile u32 *)edu >> 24 == 1);
	check("no map before attach", call(HC_map, rid, AT, gpa, 1, HC_READ) == -HC_ENOENT);
	check("attach", call(HC_attach, rid, 0, 0, 0, 0) == 0);
	check("no page beyond our memory",
		call(HC_map, rid, AT, 1ULL << 40, 1, HC_READ) == -HC_EACCES);
	check("nor a range that leaves it",
		call(HC_map, rid, AT, (1 << 24) - 4096, 2, HC_READ) == -HC_EACCES);
	check("map", call(HC_map, rid, AT, gpa, 1, HC_READ | HC_WRITE) == 1);
	check("an address is mapped once", call(HC_map, rid, AT, gpa, 1, HC_READ) == -HC_EEXIST);
	check("no flag but sync", call(HC_unmap, rid, AT, 1, 2, 0) == -HC_EINVAL);
	check("a batch is 1 to 64 requests in one page",
		call(HC_batch, rid, gpa, 0, 0, 0) == -HC_EINVAL &&
			call(HC_batch, rid, gpa, 128, 0, 0) == -HC_EINVAL &&
			call(HC_batch, rid, gpa + 4064, 2, 0, 0) == -HC_EINVAL &&
			call(HC_batch, rid, gpa + 16, 1, 0, 0) == -HC_EINVAL &&
			call(HC_batch, rid, 1ULL << 40, 1, 0, 0) == -HC_EACCES);
	check("bind", call(HC_bind, rid, 0, VECTOR, 0, 0) == 0);

	for (int i = 0; i < 16; i++)
		page[i] = 0x30 + i;
	check("DMA from memory and back",
		dma(edu, AT, 0, 0) && dma(edu, AT + 0x800, 1, 1) && are(page + 0x800, 0x30, 1));
	for (start = tsc(); !irr && tsc() - start < 10000000000;)     /* the host may be slow */
		asm volatile("rdmsr; shl $32, %%rdx; or %%rdx, %%rax" /* x2APIC: IRR, vectors 0x40
									 to 0x5f */
			     : "=a"(irr)
			     : "c"(0x822)
			     : "rdx");
	check("its interrupt is pending", irr == 1u << (VECTOR & 31));
	*(volatile u32 *)(edu + 0x64) = 0x100; /* acknowledged */

	dma(edu, (u64)secret, 1, 0);
	check("what is not mapped is not reached", are(secret, 0, 0));
	n = call(HC_fault, (u64)&fault, 0, 0, 0, 0);
	check(n ? "the fault is told" : "no fault is told", /* QEMU 7.2's AMD-Vi logs none */
		n == 0 || (n == 1 && fault.iova == (u64)secret && fault.rid == rid && fault.write));
	check("unmap", call(HC_unmap, rid, at, 1, HC_SYNC, 0) == 1);
	for (int i = 0; i < 16; i++)
		page[i] = 0;
	dma(edu, AT, 1, 0);
	check("what was unmapped is not reached", are(page, 0, 0));
	check("nothing is left there", call(HC_unmap, rid, AT, 1, HC_SYNC, 0) == -HC_ENOENT);
	check("unbind", call(HC_unbind, rid, 0, 0, 0, 0) == 0);
	check("detach", call(HC_detach, rid, 0, 0, 0, 0) == 0);
}

/* The paravirtual disk: one block there and back, and what is refused. */
static void
try_disk(u64 blocks)
{
	u64 gpa = (u64)page;

	for (int i = 0; i < 4096; i++)
		page[i] = i % 251;
	check("write a block", call(HC_disk, HC_DISK_WRITE, blocks - 1, gpa, 1, 0) == 1);
	for (int i = 0; i < 4096; i++)
		page[i] = 0;
	check("and read it", call(HC_disk, HC_DISK_READ, blocks - 1, gpa, 1, 0) == 1 &&
				     are(page, 0, 1) && are(page + 251 * 16, 0, 1));
	check("flush", call(HC_disk, HC_DISK_FLUSH, 0, 0, 0, 0) == 0);
	check("no block behind the last",
		call(HC_disk, HC_DISK_READ, blocks, gpa, 1, 0) == -HC_EINVAL &&
			call(HC_disk, HC_DISK_READ, 1, gpa, blocks, 0) == -HC_EINVAL &&
			call(HC_disk, HC_DISK_WRITE, ~0ULL, gpa, 2, 0) == -HC_EINVAL &&
			call(HC_disk, HC_DISK_READ, 0, gpa, 0, 0) == -HC_EINVAL);
	check("no memory but ours",
		call(HC_disk, HC_DISK_READ, 0, 1ULL << 40, 1, 0) == -HC_EACCES &&
			call(HC_disk, HC_DISK_WRITE, 0, ~0ULL, 1, 0) == -HC_EACCES);
	check("no other operation", call(HC_disk, 4, 0, gpa, 1, 0) == -HC_EINVAL);
}

/*
 * late=GPA: a pair of pages at GPA, which the device writes. Others are unmapped without a sync
 * until the VMM has no room to remember more, then the pair; and a key is waited for. Now the
 * device writes once more: it may, nobody has been told to forget. But the page must not have
 * moved.
 */
static void
try_late(u32 rid, u64 gpa)
{
	enum { AT = 0x5000000, OTHER = 0x8010000, ROOM = 255 };
	volatile u8 *edu, *p = (volatile u8 *)gpa;
	int good = 1;

	outl(0xcf8, 1u << 31 | rid << 8 | 4);
	outl(0xcfc, 6); /* memory, bus master */
	edu = (volatile u8 *)(u64)(config(rid, 0x10) & ~15u);
	check("attach", call(HC_attach, rid, 0, 0, 0, 0) == 0);
	check("a pair is mapped", call(HC_map, rid, AT, gpa, 2, HC_READ | HC_WRITE) == 2);
	check("the device writes", dma(edu, AT, 1, 0) && are(p, 0, 0));
	for (int i = 0; i < ROOM; i++)
		good &= call(HC_map, rid, OTHER, (u64)secret, 1, HC_READ) == 1 &&
			call(HC_unmap, rid, OTHER, 1, 0, 0) == 1;
	check("255 pages and the pair are unmapped, without a sync",
		good && call(HC_unmap, rid, AT, 2, 0, 0) == 2);
	for (int i = 0; i < 16; i++)
		p[i] = 0x77;
	print("now\n");
	while (!(inb(0x3fd) & 1))
		asm volatile("pause");
	dma(edu, AT, 1, 0);
	print(are(p, 0x77, 0) ? "a late write is not in the page\n"
			      : "a late write is in the page\n");
	check("sync", call(HC_sync, rid, 0, 0, 0, 0) == 0);
	for (int i = 0; i < 16; i++)
		p[i] = 0x77;
	dma(edu, AT, 1, 0);
	check("after the sync the device does not write", are(p, 0x77, 0));
	check("detach", call(HC_detach, rid, 0, 0, 0, 0) == 0);
}

/* The hexadecimal number behind `name` at the start of the command line; 0. */
static u64
option(const char *name)
{
	const u32 *tag = (const u32 *)(u64)(boot_info + 8);
	const char *p = "";
	u64 v = 0;

	for (; tag[0]; tag += ((tag[1] + 7) & ~7u) / 4)
		if (tag[0] == 1)
			p = (const char *)&tag[2];
	while (*name && *name == *p)
		name++, p++;
	for (; !*name && *p; p++)
		v = v << 4 | (*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
	return v;
}

__attribute__((used)) static void
foreign(void)
{
	const u32 *want = (const u32 *)HC_SIGNATURE;
	u32 r[4], rid = 0;
	long blocks;
	u64 late = option("late=");

	cpuid(HC_CPUID_BASE, r);
	check("the VMM is found", r[1] == want[0] && r[2] == want[1] && r[3] == want[2]);
	check("version", call(HC_version, 0, 0, 0, 0, 0) == HC_VERSION);
	check("no such call", call(9999, 0, 0, 0, 0, 0) == -HC_ENOSYS);
	check("the console's interrupt", call(HC_gsi, HC_GSI_UART, 0x50, 0, 0, 0) == 0);
	check("no other input, CPU or vector",
		call(HC_gsi, 5, 0x50, 0, 0, 0) == -HC_ENODEV &&
			call(HC_gsi, HC_GSI_ACPI, 0x50, 1, 0, 0) == -HC_EINVAL &&
			call(HC_gsi, HC_GSI_ACPI, 16, 0, 0, 0) == -HC_EINVAL);
	while (rid < 256 && config(rid, 0) != 0x11e81234)
		rid += 8;
	if (rid < 256 && late)
		try_late(rid, late);
	else if (rid < 256)
		try_edu(rid);
	if ((blocks = call(HC_disk, HC_DISK_SIZE, 0, 0, 0, 0)) > 0)
		try_disk(blocks);
	else
		check("no disk", blocks == -HC_ENODEV);
	outl(0xf4, failed);
	for (;;)
		asm volatile("hlt");
}
