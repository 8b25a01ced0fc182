/*
 * A guest for lab 8, with no device but its local APIC: what its first option names is what it
 * tries. Its beginning is that of tests/guest/foreign.c. While interrupts are on it does nothing
 * that exits, unless that is what is tried.
 *
 *	info=1		prints what the loader has left
 *	order=SEED	priorities, nesting, TPR, end of interrupt
 *	window=SEED	what comes while interrupts are off
 *	timer=US	one-shot, divided, stopped, masked; and periods of US microseconds
 *	ipi=1		the command register; it wants two CPUs
 */
#define foreign checks
#include "tests/guest/foreign.c"
#undef foreign

enum {
	X2_TPR = 0x808,
	X2_PPR = 0x80a,
	X2_EOI = 0x80b,
	X2_SVR = 0x80f,
	X2_ISR = 0x810,
	X2_IRR = 0x820,
	X2_ICR = 0x830,
	X2_LVT_TIMER = 0x832,
	X2_INITIAL = 0x838,
	X2_CURRENT = 0x839,
	X2_DIVIDE = 0x83e,
	X2_SELF_IPI = 0x83f,
	MASKED = 1 << 16,
	PERIODIC = 1 << 17,
	BY_1 = 0xb,
	BY_2 = 0,
	BY_16 = 3,
	BY_128 = 0xa,
	TIMER = 0xf1,
};

/* 256 entries, 16 bytes each: the vector, and on to one handler. */
asm("	.balign 16\n"
    "entries:\n"
    "	.set vector, 0\n"
    "	.rept 256\n"
    "	.balign 16\n"
    "	pushq $vector\n"
    "	jmp entry\n"
    "	.set vector, vector + 1\n"
    "	.endr\n"
    "entry:	push %rax; push %rcx; push %rdx; push %rsi; push %rdi\n"
    "	push %r8; push %r9; push %r10; push %r11\n"
    "	mov 72(%rsp), %rdi\n"
    "	mov 96(%rsp), %rsi\n" /* RFLAGS */
    "	cld\n"
    "	call interrupt\n"
    "	pop %r11; pop %r10; pop %r9; pop %r8\n"
    "	pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
    "	add $8, %rsp\n"
    "	iretq\n");
extern const char entries[];

static struct {
	u8 vector, depth;
} took[64];                     /* interrupts, as they came */
static volatile unsigned came;  /* how many */
static volatile unsigned early; /* while they were off */
static volatile u8 depth;
static void (*volatile inside)(void); /* what the next handler does, with interrupts on */

static void
wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static u64
rdmsr(u32 msr)
{
	u32 low, high;

	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (u64)high << 32 | low;
}

static void
irq_on(void)
{
	asm volatile("sti; nop" ::: "memory");
}

static void
irq_off(void)
{
	asm volatile("cli" ::: "memory");
}

static u64 khz; /* of the TSC */

/* An exit: the VMM looks what has come. */
static void
look(void)
{
	u32 r[4];

	cpuid(0, r);
}

/* Does nothing for so long, without an exit; a PAUSE would be one. */
static void
spin(u64 us)
{
	u64 end = tsc() + us * khz / 1000;

	while (tsc() < end)
		asm volatile("" ::: "memory");
}

__attribute__((used)) static void
interrupt(u64 vector, u64 flags)
{
	void (*f)(void) = inside;

	if (vector < 32) {
		check("no exception", 0);
		outl(0xf4, 99);
	}
	early += !(flags & 0x200);
	if (came < sizeof(took) / sizeof(took[0])) {
		took[came].vector = vector;
		took[came].depth = depth;
	}
	came++;
	if (f) {
		inside = 0;
		depth++;
		f();
		depth--;
	}
	wrmsr(X2_EOI, 0);
}

static void
print_byte(u8 v)
{
	char s[3] = {"0123456789abcdef"[v >> 4], "0123456789abcdef"[v & 15], 0};

	print(s);
}

/* A line with what came since the last one. */
static void
print_took(const char *what)
{
	print(what);
	for (unsigned i = 0; i < came && i < sizeof(took) / sizeof(took[0]); i++) {
		print(took[i].depth ? " (" : " ");
		print_byte(took[i].vector);
		print(took[i].depth ? ")" : "");
	}
	print("\n");
	came = 0;
}

static void
print_hex(const char *what, u64 v)
{
	print(what);
	for (int i = 24; i >= 0; i -= 8)
		print_byte(v >> i);
}

/* As POSIX has it for cksum. */
static u32
cksum(const u8 *p, u64 n)
{
	static u32 table[256];
	u32 crc = 0;

	for (u32 i = 0; i < 256; i++) {
		table[i] = i << 24;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] << 1 ^ (table[i] >> 31 ? 0x04c11db7 : 0);
	}
	for (u64 i = 0; i < n; i++)
		crc = crc << 8 ^ table[crc >> 24 ^ p[i]];
	for (; n; n >>= 8)
		crc = crc << 8 ^ table[crc >> 24 ^ (n & 0xff)];
	return ~crc;
}

static u8
sum(const u8 *p, unsigned n)
{
	u8 s = 0;

	while (n--)
		s += *p++;
	return s;
}

/* One tag of the boot information, a line each. */
static void
print_tag(const u32 *tag)
{
	const u8 *rsdp = (const u8 *)(tag + 2);

	switch (tag[0]) {
	case 3:
		print_hex("module ", tag[2]);
		print_hex(" cksum ", cksum((const u8 *)(u64)tag[2], tag[3] - tag[2]));
		print("\n");
		break;
	case 6:
		for (const u32 *e = tag + 4; (u64)e < (u64)tag + tag[1]; e += tag[2] / 4) {
			print_hex("memory ", e[0]);
			print_hex(" bytes ", e[2]);
			print(e[1] == 0 && e[3] == 0 && e[4] == 1 ? " usable\n"
								  : " of another kind\n");
		}
		break;
	case 15:
		check("the RSDP is whole", tag[1] == 44 && rsdp[0] == 0x52 && rsdp[15] == 2 &&
						   !sum(rsdp, 20) && !sum(rsdp, 36));
	}
}

static void
print_info(void)
{
	u64 at = boot_info + 8, end = boot_info + *(const u32 *)(u64)boot_info;
	const u32 *tag;

	while (at + 8 < end && (tag = (const u32 *)at)[0] && tag[1] >= 8) {
		print_tag(tag);
		at += (tag[1] + 7) & ~7u;
	}
	check("the last tag says that it is",
		at + 8 == end && ((const u32 *)at)[0] == 0 && ((const u32 *)at)[1] == 8);
}

static void
set_up(void)
{
	static struct {
		unsigned short offset, selector, attributes, middle;
		u32 high, reserved;
	} idt[256] PAGE;
	struct __attribute__((packed)) {
		unsigned short limit;
		u64 base;
	} idtr = {sizeof(idt) - 1, (u64)idt};
	u32 r[4];

	for (unsigned i = 0; i < 256; i++) {
		u64 at = (u64)entries + 16 * i;

		idt[i].offset = at;
		idt[i].selector = 8;
		idt[i].attributes = 0x8e00; /* an interrupt gate */
		idt[i].middle = at >> 16;
	}
	asm volatile("lidt %0; mov %1, %%ss" ::"m"(idtr), "r"(0) : "memory");
	cpuid(HC_CPUID_TIMING, r);
	khz = r[0];
	wrmsr(X2_SVR, 0x1ff);
}

static void
from_inside(void)
{
	u8 a = took[came - 1].vector;

	wrmsr(X2_SELF_IPI, 0x50);
	wrmsr(X2_SELF_IPI, a + 1);
	wrmsr(X2_SELF_IPI, 0xb7);
	irq_on();
	spin(50);
	irq_off();
	check("while one is in service, PPR is its class", rdmsr(X2_PPR) == (a & 0xf0));
	check("and ISR has it alone",
		rdmsr(X2_ISR + a / 32) == 1u << a % 32 && !rdmsr(X2_ISR + 0xb7 / 32));
	check("what is of its class or below waits in IRR",
		rdmsr(X2_IRR + a / 32) == 2ULL << a % 32 && rdmsr(X2_IRR + 2) == 1u << 0x10);
}

static void
try_order(u64 x)
{
	static u8 used[256];
	u64 waiting = 0;

	for (int i = 0; i < 6;) {
		u8 v;

		x = (x * 1103 + 12345) % 0x80000000;
		v = 64 + x / 512 % 176;
		if (used[v])
			continue;
		used[v] = 1;
		i++;
		wrmsr(X2_SELF_IPI, v);
	}
	for (int i = 0; i < 8; i++)
		for (u64 left = rdmsr(X2_IRR + i); left; left &= left - 1)
			waiting++;
	check("six wait in IRR", waiting == 6 && came == 0);
	irq_on();
	spin(200);
	irq_off();
	print_took("order");

	inside = from_inside;
	wrmsr(X2_SELF_IPI, 0x80 + x % 15);
	irq_on();
	spin(200);
	irq_off();
	print_took("nested");
	check("when all is over, PPR is 0", rdmsr(X2_PPR) == 0);

	wrmsr(X2_TPR, 0x91);
	wrmsr(X2_SELF_IPI, 0x75);
	wrmsr(X2_SELF_IPI, 0x9e);
	wrmsr(X2_SELF_IPI, 0xa0);
	irq_on();
	spin(50);
	irq_off();
	print_took("above 91");
	wrmsr(X2_TPR, 0x80);
	irq_on();
	spin(50);
	irq_off();
	print_took("above 80");
	wrmsr(X2_TPR, 0);
	irq_on();
	spin(50);
	irq_off();
	print_took("above 00");

	wrmsr(X2_SVR, 0xff);
	wrmsr(X2_SELF_IPI, 0x66);
	irq_on();
	spin(50);
	irq_off();
	print_took("turned off");
	wrmsr(X2_SVR, 0x1ff);
	irq_on();
	spin(50);
	irq_off();
	print_took("turned on");
}

static void
try_window(u64 x)
{
	u8 a = 0x40 + x % 32, b = a + 32;

	wrmsr(X2_SELF_IPI, a);
	wrmsr(X2_SELF_IPI, b);
	spin(50);
	check("two that come while interrupts are off wait", came == 0);
	irq_on();
	spin(50); /* no exit here but those that the VMM has asked for */
	irq_off();
	print_took("two");

	wrmsr(X2_SELF_IPI, a);
	for (int i = 0; i < 5; i++)
		look();
	check("one that comes while they are off waits, through five exits", came == 0);
	irq_on();
	spin(50);
	irq_off();
	print_took("one");

	for (int i = 0; i < 3; i++) {
		wrmsr(X2_SELF_IPI, b);
		asm volatile("sti; hlt; cli" ::: "memory");
	}
	print_took("hlt");

	for (int i = 0; i < 3; i++)
		wrmsr(X2_SELF_IPI, b);
	irq_on();
	spin(50);
	irq_off();
	print_took("three times the same");
	check("none comes early", early == 0);
}

/* Starts the timer, sleeps until it has come n times; how many microseconds. 0: has not come. */
static u64
timed(u32 divide, u32 count, unsigned n)
{
	u64 start;

	came = 0;
	wrmsr(X2_DIVIDE, divide);
	start = tsc();
	wrmsr(X2_INITIAL, count);
	while (came < n)
		asm volatile("sti; hlt; cli" ::: "memory");
	return (tsc() - start) * 1000 / khz;
}

/* Not before it is time, and soon afterwards. */
static int
about(u64 us, u64 want)
{
	return us >= want - 1 && us < want + 300;
}

static void
try_timer(u64 us)
{
	u64 left, ten;

	wrmsr(X2_LVT_TIMER, TIMER);
	check("3 ms, divided by 1", about(timed(BY_1, 3000000, 1), 3000));
	irq_on();
	spin(7000);
	look();
	irq_off();
	print_took("once");
	check("by 2", about(timed(BY_2, 3000000, 1), 6000));
	check("by 16", about(timed(BY_16, 250000, 1), 4000));
	check("by 128", about(timed(BY_128, 15625, 1), 2000));

	came = 0;
	wrmsr(X2_INITIAL, 10000000 / 128);
	irq_on();
	spin(4000);
	left = rdmsr(X2_CURRENT) * 128 / 1000;
	check("of 10 ms some 6 are left after 4", left > 5500 && left < 6050);
	wrmsr(X2_INITIAL, 0);
	spin(9000);
	irq_off();
	check("none are left of what was stopped", rdmsr(X2_CURRENT) == 0);
	print_took("stopped");

	wrmsr(X2_LVT_TIMER, MASKED | TIMER);
	wrmsr(X2_INITIAL, 1000000 / 128);
	irq_on();
	spin(3000);
	look();
	wrmsr(X2_LVT_TIMER, TIMER);
	look();
	irq_off();
	print_took("masked");

	wrmsr(X2_LVT_TIMER, PERIODIC | TIMER);
	ten = timed(BY_1, us * 1000, 10);
	spin(5 * us + us / 2); /* from the last one on */
	look();
	came = 0;
	irq_on();
	irq_off();
	check("10 periods", about(ten, 10 * us));
	print_took("after five periods with interrupts off");
	wrmsr(X2_INITIAL, 0);
	irq_on();
	spin(3 * us);
	look();
	irq_off();
	came = 0;
}

/*
 * Starts CPU 1 with what says where it is: mov %cs, %ax; mov %ax, 0x6ff0; mov %cr0, %eax;
 * mov %ax, 0x6ff4; movw $1, 0x6ff2; hlt; and again. All else below 64 KiB is HLT.
 */
static void
try_sipi(void)
{
	static const u8 code[] = {0x8c, 0xc8, 0xa3, 0xf0, 0x6f, 0x0f, 0x20, 0xc0, 0xa3, 0xf4, 0x6f,
		0xc7, 0x06, 0xf2, 0x6f, 1, 0, 0xf4, 0xeb, 0xfd};
	volatile u8 *low = (volatile u8 *)0;
	volatile unsigned short *said = (volatile unsigned short *)0x6ff0;

	asm("" : "+r"(low)); /* there is memory at 0 */
	for (unsigned i = 0; i < 0x10000; i++)
		low[i] = 0xf4;
	for (unsigned i = 0; i < sizeof(code); i++)
		low[0x7000 + i] = code[i];
	said[1] = 0;
	wrmsr(X2_ICR, 1ULL << 32 | 0x4500); /* INIT, SIPI to page 7 */
	wrmsr(X2_ICR, 1ULL << 32 | 0x4607);
	for (int i = 0; i < 100 && !said[1]; i++) {
		spin(100);
		asm volatile("pause"); /* the other CPU may need ours */
	}
	check("a SIPI starts a CPU at its page", said[1] == 1);
	check("in real mode, CS being that page's", said[0] == 0x700 && !(said[2] & 1));
}

static void
try_ipi(void)
{
	static const u64 how[] = {0, 1 << 18, 2 << 18, 3 << 18, 0xffffffffULL << 32, 1ULL << 32,
		1 << 11 | 1ULL << 32, 1 << 11 | 2ULL << 32, 1 << 11 | 0x10001ULL << 32};

	for (unsigned i = 0; i < sizeof(how) / sizeof(how[0]); i++)
		wrmsr(X2_ICR, how[i] | (0x41 + i));
	irq_on();
	spin(200);
	irq_off();
	print_took("ipi");
	try_sipi();
}

__attribute__((used)) static void
foreign(void)
{
	u64 order = option("order="), window = option("window="), us = option("timer=");

	set_up();
	if (option("info="))
		print_info();
	if (order)
		try_order(order);
	if (window)
		try_window(window);
	if (us)
		try_timer(us);
	if (option("ipi="))
		try_ipi();
	print("over\n");
	outl(0xf4, failed);
	for (;;)
		asm volatile("hlt");
}
