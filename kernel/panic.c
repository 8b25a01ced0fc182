/* When all is lost: registers, who called whom, and a stop that a test can see. */
#include "hal/platform.h"
#include "hal/smp.h"
#include "kernel/cpu.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/trap.h"
#include "kernel/x86.h"

/* Sorted by address; made from the linked image by tools/ksyms.awk, and linked in again. */
struct ksym {
	u64 addr;
	const char *name;
};
extern const struct ksym ksyms[] __attribute__((weak));
extern const u64 nksyms __attribute__((weak));

/* What -fstack-protector compares against. */
u64 __stack_chk_guard = 0x5ac3f1e28d4b9670;
void __stack_chk_fail(void) NORETURN;

void
__stack_chk_fail(void)
{
	panic("stack overrun");
}

const char *
symbol_of(u64 addr, u64 *offset)
{
	u64 lo = 0, hi = &nksyms ? nksyms : 0;

	while (lo < hi) {
		u64 mid = (lo + hi) / 2;
		if (ksyms[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return NULL;
	*offset = addr - ksyms[lo - 1].addr;
	return ksyms[lo - 1].name;
}

void
backtrace(u64 rbp)
{
	for (int depth = 0; depth < 20 && rbp >= DIRECT_BASE && !(rbp & 7); depth++) {
		u64 *frame = (u64 *)rbp, offset = 0;
		/* One back: a return address may lie behind its function's last instruction. */
		const char *name = symbol_of(frame[1] - 1, &offset);

		if (frame[1] < KERNEL_BASE)
			break;
		pr_err("  %lx %s+0x%lx", frame[1], name ? name : "?", offset + 1);
		if (frame[0] <= rbp)
			break;
		rbp = frame[0];
	}
}

void
print_regs(const struct trapframe *tf)
{
	u64 offset = 0;
	const char *name = symbol_of(tf->rip, &offset);

	pr_err("rip %lx %s+0x%lx  rflags %lx  cs %lx  error %lx", tf->rip, name ? name : "?",
		offset, tf->rflags, tf->cs, tf->error);
	pr_err("rax %p rbx %p rcx %p rdx %p", (void *)tf->rax, (void *)tf->rbx, (void *)tf->rcx,
		(void *)tf->rdx);
	pr_err("rsi %p rdi %p rbp %p rsp %p", (void *)tf->rsi, (void *)tf->rdi, (void *)tf->rbp,
		(void *)tf->rsp);
	pr_err("r8  %p r9  %p r10 %p r11 %p", (void *)tf->r8, (void *)tf->r9, (void *)tf->r10,
		(void *)tf->r11);
	pr_err("r12 %p r13 %p r14 %p r15 %p", (void *)tf->r12, (void *)tf->r13, (void *)tf->r14,
		(void *)tf->r15);
	pr_err("cr2 %p cr3 %p", (void *)read_cr2(), (void *)read_cr3());
}

static int panicking; /* which CPU does, counted from 1 */

bool
panic_begun(void)
{
	return READ_ONCE(panicking);
}

void
panic_enter(void)
{
	static int depth; /* the registers, then panic(): whatever comes on top is too much */
	int self = this_cpu()->id + 1, first = 0;

	cli();
	__atomic_compare_exchange_n(
		&panicking, &first, self, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	if ((first && first != self) || depth == 2)
		for (;;)
			asm volatile("cli; hlt");
	if (depth++ == 0)
		smp_stop_others();
}

void
panic(const char *fmt, ...)
{
	char line[256];
	struct text t = {line, sizeof(line), 0, 0};
	va_list ap;

	panic_enter();
	va_start(ap, fmt);
	text_vprintf(&t, fmt, ap);
	va_end(ap);
	pr_err("panic: %s", line);
	backtrace((u64)__builtin_frame_address(0));
	platform_debug_exit(126);
	for (;;)
		asm volatile("cli; hlt");
}
