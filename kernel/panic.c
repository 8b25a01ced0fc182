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

NORETURN void
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
panic_trap(const struct trapframe *tf)
{
	u64 offset = 0;
	const char *name = symbol_of(tf->rip, &offset);

	panic_enter();
	pr_err("rip %lx %s+0x%lx  rflags %lx  cs %lx  error %lx", tf->rip, name ? name : "?",
		offset, tf->rflags, tf->cs, tf->error);
	pr_err("rax %016lx rbx %016lx rcx %016lx rdx %016lx", tf->rax, tf->rbx, tf->rcx, tf->rdx);
	pr_err("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", tf->rsi, tf->rdi, tf->rbp, tf->rsp);
	pr_err("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", tf->r8, tf->r9, tf->r10, tf->r11);
	pr_err("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", tf->r12, tf->r13, tf->r14, tf->r15);
	pr_err("cr2 %016lx cr3 %016lx", read_cr2(), read_cr3());
	backtrace(tf->rbp);
}

void
panic(const char *fmt, ...)
{
	char line[256];
	struct text t = TEXT_ON(line);

	panic_enter();
	text_args(&t, fmt);
	pr_err("panic: %s", line);
	backtrace((u64)__builtin_frame_address(0));
	platform_debug_exit(126);
	for (;;)
		asm volatile("cli; hlt");
}
