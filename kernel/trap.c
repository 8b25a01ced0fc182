#include "kernel/trap.h"
#include "hal/irq.h"
#include "kernel/cpu.h"
#include "kernel/debug.h"
#include "kernel/proc.h"
#include "kernel/x86.h"

_Static_assert(offsetof(struct trapframe, rbp) == TF_RBP, "entry.S");
_Static_assert(offsetof(struct trapframe, vector) == TF_VECTOR, "entry.S");
_Static_assert(offsetof(struct trapframe, cs) == TF_CS, "entry.S");
_Static_assert(offsetof(struct cpu, user_rsp) == CPU_USER_RSP, "entry.S");
_Static_assert(offsetof(struct cpu, kernel_rsp) == CPU_KERNEL_RSP, "entry.S");

extern char vector_stubs[], syscall_entry[];
extern u64 __ex_table_start[][2], __ex_table_end[][2]; /* faulting RIP, where to go on */

bool nmi_panics;
bool (*touch_watch)(u64 va, bool write, u64 rip);
struct cpu cpus[MAX_CPUS];
int ncpus;

/* SDM vol. 3, 6.14.1: 64-bit interrupt gate. */
static struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, reserved;
} idt[256];
_Static_assert(sizeof(struct gate) == 16, "IDT gate");

void
trap_init(void)
{
	for (unsigned v = 0; v < 256; v++) {
		u64 at = (u64)vector_stubs + 16 * v;
		idt[v] = (struct gate){
			.offset_low = at,
			.selector = SEL_KCODE,
			/* a stack of its own where the current one may be the trouble */
			.ist = v == VEC_DOUBLE_FAULT ? 1
			       : v == VEC_NMI        ? 2
						     : 0,
			.type = 0x8e,
			.offset_mid = at >> 16,
			.offset_high = at >> 32,
		};
	}
}

static u8 emergency_stack[MAX_CPUS][2][4096] __attribute__((aligned(16)));

void
cpu_init(int id)
{
	struct cpu *c = &cpus[id];
	u64 tss = (u64)&c->tss;
	struct {
		u16 limit;
		u64 base;
	} PACKED gdtr = {sizeof(c->gdt) - 1, (u64)c->gdt}, idtr = {sizeof(idt) - 1, (u64)idt};

	c->self = c;
	c->id = id;
	c->gdt[1] = 0x00af9b000000ffff; /* kernel code */
	c->gdt[2] = 0x00cf93000000ffff; /* kernel data */
	c->gdt[3] = 0x00cff3000000ffff; /* user data */
	c->gdt[4] = 0x00affb000000ffff; /* user code */
	c->gdt[5] = (sizeof(c->tss) - 1) | (tss & 0xffffff) << 16 | 0x89UL << 40 |
		    (tss >> 24 & 0xff) << 56;
	c->gdt[6] = tss >> 32;
	c->tss.iomap = sizeof(c->tss);
	c->tss.ist[0] = (u64)emergency_stack[id][0] + 4096;
	c->tss.ist[1] = (u64)emergency_stack[id][1] + 4096;
	asm volatile("lgdt %0" ::"m"(gdtr));
	asm volatile("lidt %0" ::"m"(idtr));
	asm volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::"i"(SEL_KCODE)
		     : "rax", "memory");
	asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" ::"r"(SEL_KDATA));
	asm volatile("mov %0, %%fs; mov %0, %%gs" ::"r"(0));
	asm volatile("ltr %w0" ::"r"(SEL_TSS));

	wrmsr(MSR_GS_BASE, (u64)c);
	wrmsr(MSR_KERNEL_GS_BASE, 0);
	wrmsr(MSR_STAR, (u64)SEL_KCODE << 32 | (u64)(SEL_KDATA | 3) << 48);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, FL_IF | FL_DF | FL_TF | FL_NT | FL_AC);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
}

static const char *const exception_names[32] = {"divide error", "debug", "NMI", "breakpoint",
	"overflow", "bound", "invalid opcode", "no FPU", "double fault", "coprocessor overrun",
	"invalid TSS", "segment not present", "stack fault", "general protection", "page fault",
	NULL, "FPU error", "alignment check", "machine check", "SIMD error"};

static const char *
exception_name(unsigned vector)
{
	return vector < 32 && exception_names[vector] ? exception_names[vector] : "exception";
}

/* An exception while a process ran its own code: the process ends, the rest goes on. */
static void
user_exception(struct trapframe *tf)
{
	struct proc *p = current();
	u64 address = tf->vector == VEC_PAGE_FAULT ? read_cr2() : 0;

	sti(); /* not before: another process's fault would change CR2 */
	pr_warn("%s (pid %d): %s at %lx, address %lx, error %lx: killed", p->name, p->pid,
		exception_name(tf->vector), tf->rip, address, tf->error);
	proc_exit(128 + tf->vector);
}

/* An exception in the kernel: a user copy goes on at its fixup; else it is our bug. */
static void
kernel_exception(struct trapframe *tf)
{
	if (tf->vector == VEC_PAGE_FAULT && read_cr2() < USER_TOP) {
		for (u64(*e)[2] = __ex_table_start; e < __ex_table_end; e++) {
			if ((*e)[0] == tf->rip) {
				tf->rip = (*e)[1];
				return;
			}
		}
	}
	panic_trap(tf);
#ifdef DEBUG
	u64 offset;
	if (tf->vector == VEC_INVALID_OPCODE) /* what the compiler leaves to be run into */
		panic("undefined behaviour in %s (UBSan trap)", symbol_of(tf->rip, &offset));
#endif
	panic("%s in the kernel, address %lx", exception_name(tf->vector), read_cr2());
}

/* A fault on the process's memory, its own or the kernel's, or on what is watched; true: mended. */
static bool
page_fault(struct trapframe *tf)
{
	struct proc *p = current();

	if (touch_watch && !(tf->cs & 3) && !(tf->error & 1) &&
		touch_watch(read_cr2(), tf->error & 2, tf->rip))
		return true;
	return p && p->as.pt.root && read_cr2() < USER_TOP &&
	       aspace_fault(&p->as, read_cr2(), tf->error & 2); /* SDM vol. 3, 4.7: W/R */
}

/*
 * A CPU that panics stops the others this way. Else an NMI is the machine's button, which panics
 * if nmi=panic was asked for; and else it is ignored: under QEMU 7.2 a device of a guest can raise
 * one (its VT-d lets messages in compatibility format pass), and that must not end the host.
 */
static void
nmi(struct trapframe *tf)
{
	debug_nmi(tf);
	while (panic_begun())
		asm volatile("cli; hlt");
	if (nmi_panics) {
		panic_trap(tf);
		panic("NMI");
	}
}

void
trap(struct trapframe *tf)
{
	bool user = tf->cs & 3;

	if (tf->vector == VEC_NMI) {
		nmi(tf);
		return;
	}
	if (tf->vector == VEC_PAGE_FAULT && page_fault(tf))
		return;
	if (tf->vector < VEC_FIRST_IRQ) {
		if (user)
			user_exception(tf);
		kernel_exception(tf);
		return;
	}
	ASSERT(tf->rflags & FL_IF);
	sched_count_idle();
	irq_dispatch(tf->vector);
	/*
	 * Interrupts were on, so no spin lock is held here and the thread may be switched, in
	 * the kernel as well as in user code.
	 */
	if (this_cpu()->resched && this_cpu()->proc)
		proc_yield();
	if (user && current()->killed) {
		sti();
		proc_exit(-1);
	}
}
