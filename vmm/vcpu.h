/* A virtual CPU: its registers as exits see them, its local APIC, and its loop. */
#pragma once

#include "hal/addr.h"
#include "kernel/spinlock.h"

struct vm;

/*
 * Why a vCPU left the guest. X(NAME, text, handler): text begins with '.' for an instruction that
 * the guest executed on purpose.
 */
#define EXIT_LIST(X)                                       \
	X(ERROR, "error", exit_error)                      \
	X(INTR, "interrupt", exit_none)                    \
	X(WINDOW, "irq-window", exit_none)                 \
	X(IRET, "iret", exit_none)                         \
	X(CPUID, ".cpuid", exit_cpuid)                     \
	X(HLT, ".hlt", exit_hlt)                           \
	X(PAUSE, ".pause", exit_pause)                     \
	X(CACHE, ".wbinvd", exit_skip)                     \
	X(DEBUG, "#db", exit_exception)                    \
	X(ALIGNMENT, "#ac", exit_exception)                \
	X(HCALL, ".vmcall", exit_hcall)                    \
	X(IO, ".io", exit_io)                              \
	X(RDMSR, ".rdmsr", exit_rdmsr)                     \
	X(WRMSR, ".wrmsr", exit_wrmsr)                     \
	X(INVALID_OPCODE, ".ud", exit_exception)           \
	X(XSETBV, ".xsetbv", exit_xsetbv)                  \
	X(NESTED_FAULT, "nested-fault", exit_nested_fault) \
	X(SHUTDOWN, "shutdown", exit_shutdown)

enum exit_kind {
#define X(NAME, text, handler) EXIT_##NAME,
	EXIT_LIST(X)
#undef X
		EXIT_KINDS
};

struct exit {
	enum exit_kind kind;
	u8 len;       /* bytes of the instruction, to step over it */
	gpa_t gpa;    /* NESTED_FAULT */
	bool write;   /* NESTED_FAULT, and IO: to the port */
	u16 port;     /* IO */
	u8 size;      /* IO: bytes */
	bool string;  /* IO: INS or OUTS */
	u64 code;     /* ERROR: the processor's own exit code */
	bool osxsave; /* CPUID: CR4.OSXSAVE is set */
};

/*
 * XCR0: what of the state that XSAVE knows a guest may turn on. What is not here (MPX, AVX-512,
 * PKRU, AMX) no guest is shown; whoever finds a way to it all the same finds it empty.
 */
enum {
	XCR0_X87 = 1 << 0, /* cannot be off */
	XCR0_SSE = 1 << 1, /* belongs to x86-64 */
	XCR0_AVX = 1 << 2, /* compilers and libraries look for it; 256 bytes more to switch */
	XCR0_GUEST = XCR0_X87 | XCR0_SSE | XCR0_AVX,
};

/* The order is that of the numbers in instruction encodings. */
enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct vlapic {
	u32 tpr, svr, divide, initial, lvt_timer;
	u64 deadline, period; /* ns; deadline 0: not running; 1: from the next entry on */
	u64 due;              /* the deadline in ticks of the TSC */
	u32 irr[8], isr[8];
};

struct vcpu {
	struct vm *vm;
	unsigned id; /* = APIC id; 0 is the one that boots */
	void *arch;  /* svm.c */

	/* Guest state that handlers may read and change; the vendor's file moves it in and out. */
	u64 reg[16];
	u64 rip, rflags, efer, xcr0;
	u8 cpl;
	u64 tsc_offset; /* what the guest reads is the TSC and this */

	bool halted;   /* in HLT until an interrupt */
	bool waiting;  /* until a SIPI: after INIT, and all but one from the start */
	int untaken;   /* an interrupt that was injected, and that an exit came before; -1: none */
	int exception; /* to deliver at the next entry, with code 0 if it has one; -1: none */

	struct spinlock lock; /* over what follows, to `entries`; after vm->lock */
	struct vlapic lapic;
	u32 no_eoi[8];  /* vectors that are over as soon as they are delivered; INIT does not change
			   it */
	bool nmi, init; /* have come, and are not taken yet */
	int sipi;       /* the same: its vector; -1: none */
	bool flush;     /* forget nested translations before the next entry */
	bool attention; /* one of these has changed: look before the next entry */
	int cpu; /* where it is in the guest now; -1: nowhere. Its own thread's, as `entries` */
	u64 entries;

	struct exit_count {
		u64 count, ticks, longest; /* ticks of the TSC in the handler */
	} exits[EXIT_KINDS];               /* (vCPU) */
};

/* What a vendor's file offers. */
struct virt_ops {
	const char *name;
	int (*vcpu_init)(struct vcpu *v, u64 npt_root);
	void (*vcpu_fini)(struct vcpu *v);
	/* The state in which a multiboot2 loader enters a kernel; in which a SIPI starts a CPU. */
	void (*start_at)(struct vcpu *v, u32 entry, u32 eax, u32 ebx);
	void (*start_sipi)(struct vcpu *v, u8 vector);
	/* Enters the guest and returns why it left. Interrupts are off, before and after. */
	void (*run)(struct vcpu *v, struct exit *e);
	/* Whether to inject now. `alone`: no other waits, so it may also be taken later, without an
	 * exit. */
	bool (*can_take_irq)(struct vcpu *v, bool alone);
	void (*inject_irq)(struct vcpu *v, u8 vector);
	bool (*inject_nmi)(struct vcpu *v); /* false if it cannot be taken now */
	void (*ask_window)(struct vcpu *v); /* exit as soon as it could take one */
	void (*flush)(struct vcpu *v);      /* forget nested translations at next entry */
};

/* The CPU's virtualization, or NULL and why not. */
const struct virt_ops *virt(void);
const char *virt_why_not(void);
const struct virt_ops *svm_probe(const char **why_not);

int vcpu_create(struct vm *vm, unsigned id, struct vcpu **v);
void vcpu_destroy(struct vcpu *v);
/* Starts its thread; -ENOMEM. */
int vcpu_start(struct vcpu *v);
/* Wakes it from HLT, or makes it leave the guest, to look at what has changed. */
void vcpu_kick(struct vcpu *v);

/* exit.c: handles an exit. 1: enter again; 0: first let others run; negative: the VM has ended. */
int exit_handle(struct vcpu *v, const struct exit *e);
const char *exit_name(unsigned kind);

/* vlapic.c: the virtual x2APIC. False: the guest gets #GP. */
void vlapic_reset(struct vcpu *v);
bool vlapic_rdmsr(struct vcpu *v, u32 msr, u64 *value);
bool vlapic_wrmsr(struct vcpu *v, u32 msr, u64 value);
/* Makes an interrupt pending; from any context. */
void vlapic_post(struct vcpu *v, u8 vector);
/* Highest vector that may be delivered now, or -1. v->lock held. */
int vlapic_pending(struct vcpu *v);
/* It has been delivered. v->lock held. */
void vlapic_accept(struct vcpu *v, u8 vector);
/* It has not, after all; v->lock not held. */
void vlapic_untake(struct vcpu *v);
/* Whether its delivery is its end, so that the guest need not exit to say so. */
void vlapic_no_eoi(struct vcpu *v, u8 vector, bool on);
/* Posts the timer's interrupt if it is due; next deadline in ns, 0 if none. v->lock held. */
u64 vlapic_timer(struct vcpu *v, u64 now);
/* How many interrupts wait, even if they may not be delivered now. v->lock held. */
unsigned vlapic_waiting(const struct vcpu *v);
#define VLAPIC_TIMER_KHZ 1000000
