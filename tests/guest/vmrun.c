/*
 * A guest for lab 7, with no interrupts and no devices: what its first option names is what it
 * tries. Its beginning is that of tests/guest/foreign.c.
 *
 *	run=SEED	memory, CPUID, ports: a line for each
 *	beyond=GPA	a write there
 *	vmrun=1		VMRUN; msr=N: reads that MSR; end=N: ends with status N
 */
#define foreign checks
#include "tests/guest/foreign.c"
#undef foreign

static void
print_number(const char *what, u32 v)
{
	char s[10] = {0};

	for (int i = 7; i >= 0; i--, v >>= 4)
		s[i] = "0123456789abcdef"[v & 15];
	s[8] = '\n';
	print(what);
	print(s);
}

/* One word in each 2 MiB, where the seed says; all else there is zero. */
static void
try_memory(u64 x)
{
	enum { CHUNKS = 12 };
	u64 sum = 0;

	for (u64 c = 1; c < CHUNKS; c++) {
		x = (x * 1103 + 12345) % 0x80000000;
		*(volatile u64 *)((c << 21) + (x / 512 % 512 << 12)) = x;
	}
	for (u64 c = 1; c < CHUNKS; c++)
		for (u64 at = c << 21; at < (c + 1) << 21; at += 8)
			if (*(volatile u64 *)at)
				sum = (sum * 17 + *(volatile u64 *)at + (at >> 12)) % 0x80000000;
	print_number("sum ", sum);
}

/* All 64 bits of what CPUID leaves, of registers that were full before. */
static void
cpuid_wide(u64 leaf, u64 sub, u64 r[4])
{
	r[0] = leaf | 0x5a5a5a5aULL << 32;
	r[1] = r[3] = ~0ULL;
	r[2] = sub;
	asm volatile("cpuid" : "+a"(r[0]), "+b"(r[1]), "+c"(r[2]), "+d"(r[3]));
}

static void
try_cpuid(void)
{
	static const u32 no[] = {2, 5, 0x14, 0x20, 0x8000000a, 0x80000020, 0x40000100};
	u64 r[4], all = 0, cr4;
	u32 max[4];

	cpuid(0, max);
	check("CPUID: the highest leaf is 13", max[0] == 0xd && max[1]);
	for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		cpuid_wide(no[i], 0, r);
		all |= r[0] | r[1] | r[2] | r[3];
	}
	check("CPUID: a leaf that is not in the table is zero", !all);
	cpuid_wide(7, 1, r);
	all = r[0] | r[1] | r[2] | r[3];
	cpuid_wide(0xd, 3, r);
	check("CPUID: a subleaf that is not in the table is zero",
		!(all | r[0] | r[1] | r[2] | r[3]));
	cpuid_wide(7, 0, r);
	check("CPUID: of leaf 7 what is kept", r[1] && !(r[1] & ~0x001803a9ULL));
	cpuid_wide(1, 0, r);
	check("CPUID: of leaf 1 what is kept, and what is added",
		r[0] && r[2] & 1 << 21 && r[2] >> 31 == 1 &&
			!(r[2] & ~(0x76d83203ULL | 1 << 21 | 1ULL << 31)) &&
			!(r[3] & ~(0x078bab7fULL | 1 << 9 | 1 << 28)));
	check("CPUID: three CPUs, of which this is the first",
		(r[1] >> 16 & 0xff) == 3 && r[1] >> 24 == 0);
	asm volatile("mov %%cr4, %0" : "=r"(cr4));
	asm volatile("mov %0, %%cr4" ::"r"(cr4 | 1 << 18));
	cpuid_wide(1, 0, r);
	check("CPUID: OSXSAVE is as in CR4", r[2] >> 27 & 1);
	asm volatile("mov %0, %%cr4" ::"r"(cr4));
	cpuid_wide(0x80000001, 0, r);
	check("CPUID: no SVM in a guest", !(r[2] >> 2 & 1) && r[3] >> 29 == 1);
	cpuid_wide(0xb, 1, r);
	check("CPUID: the topology is the VM's", r[0] == 3 && r[1] == 3 && r[2] == 0x201);
	cpuid_wide(HC_CPUID_TIMING, 0, r);
	check("CPUID: the TSC's frequency", r[0] > 100000 && r[1] == 1000000);
}

#define IN(insn)                                                            \
	({                                                                  \
		u64 a = 0x1122334455667788;                                 \
		asm volatile(insn : "+a"(a) : "d"((unsigned short)0x4321)); \
		a;                                                          \
	})

static void
try_ports(void)
{
	check("port: a byte is read, the rest of RAX stays",
		IN("inb %%dx, %%al") == 0x11223344556677ff);
	check("port: a word", IN("inw %%dx, %%ax") == 0x112233445566ffff);
	check("port: 32 bits; the upper half is then zero", IN("inl %%dx, %%eax") == 0xffffffff);
	check("port: its number in the instruction", IN("inb $0xed, %%al") == 0x11223344556677ff);
	outl(0x604, 0x1c00); /* without SLP_EN */
	check("port: power-off has a bit", 1);
	asm volatile("outw %w0, %1" ::"a"(0xffff), "d"((unsigned short)0x4f4));
	check("port: nobody listens", 1);
}

__attribute__((used)) static void
foreign(void)
{
	u64 seed = option("run="), beyond = option("beyond="), msr = option("msr=");

	if (beyond)
		*(volatile u64 *)beyond = 1;
	if (option("vmrun="))
		asm volatile("vmrun %%rax" ::"a"(0x200000));
	if (msr) {
		asm volatile("rdmsr" ::"c"((u32)msr) : "eax", "edx");
		print("read\n");
	}
	if (seed) {
		print("in the guest\n");
		try_memory(seed);
		try_cpuid();
		try_ports();
		print("over\n");
	}
	outl(0xf4, option("end="));
	for (;;)
		asm volatile("hlt");
}
