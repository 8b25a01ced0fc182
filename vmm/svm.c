/*
 * AMD SVM with nested paging: AMD64 Architecture Programmer's Manual vol. 2, chapter 15 and
 * appendix B. The only file that knows the VMCB.
 */
#include "lib/abi.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/x86.h"
#include "vmm/vcpu.h"

#define MSR_VM_CR       0xc0010114
#define VM_CR_SVMDIS    BIT(4)
#define MSR_VM_HSAVE_PA 0xc0010117

struct segment {
	u16 selector, attrib;
	u32 limit;
	u64 base;
};

struct vmcb { /* appendix B */
	/* 0x000 control area */
	u32 intercept_cr, intercept_dr, intercept_exception, intercept1, intercept2, intercept3;
	u8 reserved0[0x3c - 0x18];
	u16 pause_threshold, pause_count;
	u64 iopm, msrpm, tsc_offset;
	u32 asid;
	u8 tlb_control, reserved1[3];
	u64 vintr, shadow;
	u64 exit_code, exit_info1, exit_info2, exit_int_info;
	u64 np_enable;
	u8 reserved2[0xa8 - 0x98];
	u64 event_inject, ncr3;
	u8 reserved3[0xc0 - 0xb8];
	u64 clean, next_rip;
	u8 reserved4[0x400 - 0xd0];
	/* 0x400 save area */
	struct segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved5[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved6;
	u64 efer;
	u8 reserved7[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved8[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved9[0x5f8 - 0x5e0];
	u64 rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp,
		sysenter_eip;
	u64 cr2;
	u8 reserved10[0x668 - 0x648];
	u64 pat;
	u8 reserved11[0x1000 - 0x670];
} PACKED;
_Static_assert(offsetof(struct vmcb, vintr) == 0x60, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, ncr3) == 0xb0, "VMCB");
_Static_assert(offsetof(struct vmcb, cpl) == 0x4cb, "VMCB");
_Static_assert(offsetof(struct vmcb, cr0) == 0x558, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5f8, "VMCB");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

/* Intercepts, B.1: vector 3 (intercept1) and vector 4 (intercept2). */
enum {
	I1_INTR = 1 << 0,
	I1_NMI = 1 << 1,
	I1_SMI = 1 << 2,
	I1_INIT = 1 << 3,
	I1_VINTR = 1 << 4,
	I1_RDPMC = 1 << 15,
	I1_CPUID = 1 << 18,
	I1_IRET = 1 << 20,
	I1_INVD = 1 << 22,
	I1_PAUSE = 1 << 23,
	I1_HLT = 1 << 24,
	I1_INVLPGA = 1 << 26,
	I1_IO = 1 << 27,
	I1_MSR = 1 << 28,
	I1_TASK = 1 << 29,
	I1_FERR = 1 << 30,
};
#define I1_SHUTDOWN (1u << 31)
enum {
	I2_VMRUN = 1 << 0,
	I2_VMMCALL = 1 << 1,
	I2_SVM_OTHER = 0x7c, /* VMLOAD VMSAVE STGI CLGI SKINIT */
	I2_WBINVD = 1 << 9,
	I2_MONITOR = 7 << 10, /* MONITOR, MWAIT, armed MWAIT */
	I2_XSETBV = 1 << 13,
};
/* Exit codes, appendix C. */
enum {
	SVM_WRITE_CR8 = 0x18,
	SVM_READ_DR0 = 0x20,
	SVM_WRITE_DR15 = 0x3f,
	SVM_DB = 0x41,
	SVM_AC = 0x51,
	SVM_INTR = 0x60,
	SVM_INIT = 0x63,
	SVM_VINTR = 0x64,
	SVM_RDPMC = 0x6f,
	SVM_CPUID = 0x72,
	SVM_IRET = 0x74,
	SVM_INVD = 0x76,
	SVM_PAUSE = 0x77,
	SVM_HLT = 0x78,
	SVM_INVLPGA = 0x7a,
	SVM_IO = 0x7b,
	SVM_MSR = 0x7c,
	SVM_SHUTDOWN = 0x7f,
	SVM_VMRUN = 0x80,
	SVM_VMMCALL = 0x81,
	SVM_SKINIT = 0x86,
	SVM_WBINVD = 0x89,
	SVM_MONITOR = 0x8a,
	SVM_MWAIT_ARMED = 0x8c,
	SVM_XSETBV = 0x8d,
	SVM_NPF = 0x400,
};
#define V_IRQ           BIT(8)
#define V_IGN_TPR       BIT(20)
#define V_INTR_MASKING  BIT(24)
#define EVENT_VALID     BIT(31)
#define EVENT_HAS_CODE  BIT(11)
#define EVENT_EXCEPTION (3UL << 8)
#define EVENT_TYPE      (7UL << 8)
#define EVENT_NMI       (2UL << 8 | 2)

#define XSAVE_AREA 1024
struct svm_vcpu {
	struct vmcb *vmcb;
	paddr_t vmcb_pa;
	u8 *fpu; /* XSAVE area, standard format: of XCR0_GUEST, 832 bytes, aligned to 64 */
	int last_cpu;
	bool flush;
};

/* Each CPU's: where VMRUN puts the host's state, and what VMLOAD brings back of it: a page each. */
static struct {
	paddr_t hsave, state;
	bool on;
	struct vcpu *last;
} percpu[MAX_CPUS];

/* Each CPU's: room for a look at what its FPU's registers hold. */
static u8 fpu_holds[MAX_CPUS][XSAVE_AREA] __attribute__((aligned(64)));
static const u8 fpu_empty[XSAVE_AREA] __attribute__((aligned(64)));

/* What the CPU has of XCR0_GUEST, which is the host's XCR0; and what it has besides. */
static u64 xcr0_all, xcr0_hidden;

static u8 *iopm;  /* every port exits: 12 KiB of ones */
static u8 *msrpm; /* 2 bits an MSR: read, write */

/* svm_entry.S: enters the guest; guest registers (but RAX, RSP) in reg[], host state from state. */
void svm_enter(paddr_t vmcb, u64 reg[16], paddr_t state);

/*
 * MSRs that the guest has for itself: VMLOAD, VMSAVE and VMRUN switch them. For all others the
 * guest exits and exit.c's table decides.
 */
static const struct {
	u32 msr;
	bool write;
} own_msrs[] = {
	{0x10, false}, /* TSC: the guest may read it, not set it */
	{0x174, true},
	{0x175, true},
	{0x176, true}, /* SYSENTER */
	{MSR_PAT, true},
	{MSR_STAR, true},
	{MSR_LSTAR, true},
	{MSR_CSTAR, true},
	{MSR_SFMASK, true},
	{MSR_FS_BASE, true},
	{MSR_GS_BASE, true},
	{MSR_KERNEL_GS_BASE, true},
};

/* 15.11: three ranges of 8192 MSRs, 2 KiB each. */
static void
allow_msr(u32 msr, bool write)
{
	u32 bit = msr < 0x2000 ? 2 * msr : 0x4000 + 2 * (msr - 0xc0000000);

	msrpm[bit / 8] &= ~(1 << bit % 8);
	if (write)
		msrpm[bit / 8] &= ~(2 << bit % 8);
}

static void svm_cpu_init(void);
static const struct virt_ops svm_ops;

const struct virt_ops *
svm_probe(const char **why_not)
{
	paddr_t maps;
	bool all;
	u32 r[4];

	cpuid(0x80000000, 0, r);
	if (r[0] < 0x8000000a)
		return NULL;
	cpuid(0x80000001, 0, r);
	if (!(r[2] & BIT(2)))
		return NULL;
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS) {
		*why_not = "SVM is turned off by the firmware";
		return NULL;
	}
	cpuid(0x8000000a, 0, r);
	if (!(r[3] & 1)) {
		*why_not = "this CPU has SVM, but no nested paging (QEMU: -cpu qemu64,+npt)";
		return NULL;
	}
	cpuid(1, 0, r);
	if (!(r[2] & BIT(26))) {
		*why_not = "this CPU has SVM, but no XSAVE";
		return NULL;
	}
	cpuid(0xd, 0, r); /* SDM vol. 1, 13.2 */
	xcr0_all = r[0] & XCR0_GUEST;
	xcr0_hidden = (r[0] & ~XCR0_GUEST) | (u64)r[3] << 32;
	all = (maps = frame_alloc(3, FRAME_KERNEL));
	for (int i = 0; i < ncpus; i++) {
		all &= !!(percpu[i].hsave = frame_alloc(1, FRAME_KERNEL));
		percpu[i].state = percpu[i].hsave + PAGE_SIZE;
	}
	if (!all) {
		*why_not = "too little memory for SVM";
		return NULL;
	}
	iopm = memset(phys_to_virt(maps), 0xff, 6 * PAGE_SIZE); /* 3 pages, and 2 (15.10, 15.11) */
	msrpm = iopm + 4 * PAGE_SIZE;
	for (unsigned i = 0; i < NELEM(own_msrs); i++)
		allow_msr(own_msrs[i].msr, own_msrs[i].write);
	return &svm_ops;
}

/*
 * Turns SVM on for this CPU, the first time that it is to run a guest. Interrupts are off, and the
 * FPU may be used.
 */
static void
svm_cpu_init(void)
{
	int cpu = this_cpu()->id;

	percpu[cpu].on = true;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, percpu[cpu].hsave);
	/* FS, GS, TR, system call MSRs: the same at every entry, so saved once. */
	asm volatile("vmsave %0" ::"a"(percpu[cpu].state) : "memory");
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE);
	xsetbv(xcr0_all);
	asm volatile("fninit"); /* as every vCPU begins */
}

static int
svm_vcpu_init(struct vcpu *v, u64 npt_root)
{
	struct svm_vcpu *s = kmalloc(sizeof(*s));
	struct vmcb *c = page_alloc(FRAME_KERNEL);
	u8 *fpu = kmalloc(XSAVE_AREA);

	if (!s || !c || !fpu) {
		if (c)
			page_free(c, FRAME_KERNEL);
		kfree(s), kfree(fpu);
		return -ENOMEM;
	}
	s->vmcb = c;
	s->vmcb_pa = virt_to_phys(c);
	s->fpu = fpu; /* XSTATE_BV is 0: all as after reset, but for MXCSR, which is read */
	*(u16 *)fpu = 0x37f;
	*(u32 *)(fpu + 24) = 0x1f80;
	v->xcr0 = xcr0_all; /* as firmware may leave it */
	s->last_cpu = -1;
	v->arch = s;
	/*
	 * CR accesses are not intercepted: under TCG the exit does not say which register. But for
	 * a write of CR8: TPR is the x2APIC's, and QEMU 7.2 (helper_write_crN) would end if an
	 * interrupt waits. Guests have no debug registers (VMRUN would not switch DR0 to DR3), and
	 * #DB and #AC exit: a guest that causes one while it delivers one would never leave the
	 * CPU.
	 */
	c->intercept_cr = BIT(24);
	c->intercept_dr = ~0u;
	c->intercept_exception = BIT(1) | BIT(17);
	/* LAB 7: step 1: the rest of the control area: intercepts, maps, ASID, nested paging. */
	c->intercept1 = I1_INTR | I1_NMI | I1_SMI | I1_INIT | I1_RDPMC | I1_CPUID | I1_INVD |
			I1_HLT | I1_INVLPGA | I1_PAUSE | I1_IO | I1_MSR | I1_TASK | I1_FERR |
			I1_SHUTDOWN;
	c->intercept2 = I2_VMRUN | I2_VMMCALL | I2_SVM_OTHER | I2_WBINVD | I2_MONITOR | I2_XSETBV;
	c->iopm = virt_to_phys(iopm);
	c->msrpm = virt_to_phys(msrpm);
	c->asid = 1; /* for all vCPUs: who ran last on this CPU is flushed when another comes */
	c->vintr = V_INTR_MASKING;
	c->tsc_offset = v->tsc_offset;
	c->np_enable = 1;
	c->ncr3 = npt_root;
	c->pat = 0x0007040600070406;
	/* LAB 7 ELSE
	LAB 7 END */
	return 0;
}

static void
svm_vcpu_fini(struct vcpu *v)
{
	struct svm_vcpu *s = v->arch;

	for (int i = 0; i < MAX_CPUS; i++)
		if (percpu[i].last == v)
			percpu[i].last = NULL;
	page_free(s->vmcb, FRAME_KERNEL);
	kfree(s->fpu);
	kfree(s);
}

/* What both ways to start have in common: the registers as INIT leaves them (SDM vol. 3, 9.1.1). */
static struct vmcb *
reset(struct vcpu *v, struct segment code, struct segment data)
{
	struct vmcb *c = ((struct svm_vcpu *)v->arch)->vmcb;

	c->cs = code;
	c->ds = c->es = c->ss = c->fs = c->gs = data;
	c->tr = (struct segment){0, 0x8b, 0xffff, 0};
	c->ldtr = (struct segment){0, 0x82, 0xffff, 0};
	c->gdtr = c->idtr = (struct segment){0, 0, 0xffff, 0};
	c->cr0 = 0x10; /* ET; INIT leaves the cache's bits as the firmware has set them: on */
	c->cr2 = c->cr3 = c->cr4 = c->shadow = c->event_inject = 0;
	c->dr6 = 0xffff0ff0;
	c->dr7 = 0x400;
	c->cpl = 0;
	c->intercept1 &= ~I1_IRET;
	c->vintr = V_INTR_MASKING;
	memset(v->reg, 0, sizeof(v->reg));
	v->efer = v->rip = 0;
	v->rflags = 2;
	return c;
}

/* Multiboot2 specification 3.3: 32-bit protected mode, flat segments, paging off. */
static void
svm_start_at(struct vcpu *v, u32 entry, u32 eax, u32 ebx)
{
	struct vmcb *c = reset(v, (struct segment){0x08, 0xc9b, 0xffffffff, 0},
		(struct segment){0x10, 0xc93, 0xffffffff, 0});

	c->cr0 |= 1; /* PE */
	v->rip = entry;
	v->reg[RAX] = eax;
	v->reg[RBX] = ebx;
}

/* SDM vol. 3, 9.4.4: real mode, at the begin of the page that the vector names. */
static void
svm_start_sipi(struct vcpu *v, u8 vector)
{
	/* LAB 8: step 5: by reset(), as svm_start_at(). */
	reset(v, (struct segment){vector << 8, 0x9b, 0xffff, vector << 12},
		(struct segment){0, 0x93, 0xffff, 0});
	/* LAB 8 ELSE
	LAB 8 END */
}

static bool
svm_can_take_irq(struct vcpu *v, bool alone)
{
	/* LAB 8: step 3: no other event is under way; and the guest lets it in, or may keep it. */
	struct vmcb *c = ((struct svm_vcpu *)v->arch)->vmcb;

	/* The shadow of an STI is over if the instruction behind it has been done for it: a HLT. */
	return !(c->event_inject & EVENT_VALID) &&
	       (alone || (v->rflags & FL_IF && !(c->shadow & 1 && v->rip == c->rip)));
	/* LAB 8 ELSE
	return false;
	LAB 8 END */
}

/*
 * A virtual interrupt (15.21.4): the guest takes it as soon as it can; after an exit that comes
 * first it is decided anew, see get_state(). Not EVENTINJ: QEMU 7.2 (helper_vmrun) delivers such an
 * interrupt, but leaves it in exception_index as well. If another CPU makes this one leave its loop
 * before an exception or an exit has overwritten that, it is delivered once more, whatever IF is.
 */
static void
svm_inject_irq(struct vcpu *v, u8 vector)
{
	/* LAB 8: step 3: V_IRQ and its vector; whatever the guest's CR8 says. */
	struct vmcb *c = ((struct svm_vcpu *)v->arch)->vmcb;

	c->vintr = (u32)c->vintr | V_IRQ | V_IGN_TPR | (u64)vector << 32;
	/* LAB 8 ELSE
	LAB 8 END */
}

/*
 * One NMI at a time, so the next waits until IRET is intercepted; and then for one exit more, since
 * that IRET is still to be executed, on the stack that a new one would use.
 */
static bool
svm_inject_nmi(struct vcpu *v)
{
	struct vmcb *c = ((struct svm_vcpu *)v->arch)->vmcb;

	if (c->intercept1 & I1_IRET || c->exit_code == SVM_IRET || c->event_inject & EVENT_VALID)
		return false;
	c->event_inject = EVENT_NMI | EVENT_VALID;
	c->intercept1 |= I1_IRET;
	return true;
}

/* A virtual interrupt that is intercepted before it is taken: 15.21.5. */
static void
svm_ask_window(struct vcpu *v)
{
	/* LAB 8: step 3: one without a vector, which exits instead. */
	struct vmcb *c = ((struct svm_vcpu *)v->arch)->vmcb;

	c->vintr |= V_IRQ | V_IGN_TPR;
	c->intercept1 |= I1_VINTR;
	/* LAB 8 ELSE
	LAB 8 END */
}

static void
svm_flush(struct vcpu *v)
{
	((struct svm_vcpu *)v->arch)->flush = true;
}

/* Exceptions 8, 10 to 14 and 17 push an error code. */
static bool
has_code(int vector)
{
	return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

/*
 * The exits by code, but for SVM_NPF: what each is, and the length of the instruction where that is
 * a constant (there may be no nRIP). A code that is not here is EXIT_ERROR.
 */
static const struct {
	u8 kind, len;
} exits[] = {
	[SVM_WRITE_CR8] = {EXIT_INVALID_OPCODE, 0},
	[SVM_READ_DR0... SVM_WRITE_DR15] = {EXIT_INVALID_OPCODE, 0},
	[SVM_DB] = {EXIT_DEBUG, 0},
	[SVM_AC] = {EXIT_ALIGNMENT, 0},
	[SVM_INTR... SVM_INIT] = {EXIT_INTR, 0}, /* and NMI, SMI */
	[SVM_VINTR] = {EXIT_WINDOW, 0},
	[SVM_RDPMC] = {EXIT_INVALID_OPCODE, 0},
	[SVM_CPUID] = {EXIT_CPUID, 2},
	[SVM_IRET] = {EXIT_IRET, 0},
	[SVM_INVD] = {EXIT_CACHE, 2},
	[SVM_PAUSE] = {EXIT_PAUSE, 2},
	[SVM_HLT] = {EXIT_HLT, 1},
	[SVM_INVLPGA] = {EXIT_INVALID_OPCODE, 0},
	[SVM_IO] = {EXIT_IO, 0},
	[SVM_MSR] = {EXIT_RDMSR, 2}, /* or WRMSR */
	[SVM_SHUTDOWN] = {EXIT_SHUTDOWN, 0},
	[SVM_VMRUN] = {EXIT_INVALID_OPCODE, 0},
	[SVM_VMMCALL] = {EXIT_HCALL, 3},
	[SVM_VMMCALL + 1 ... SVM_SKINIT] = {EXIT_INVALID_OPCODE, 0},
	[SVM_WBINVD] = {EXIT_CACHE, 2},
	[SVM_MONITOR... SVM_MWAIT_ARMED] = {EXIT_INVALID_OPCODE, 0},
	[SVM_XSETBV] = {EXIT_XSETBV, 3},
};
_Static_assert(EXIT_ERROR == 0, "what is not in the table");

/* What the exit means, in neutral terms. */
static void
decode(const struct vmcb *c, struct exit *e)
{
	u64 code = e->code = c->exit_code;

	e->kind = code < NELEM(exits) ? exits[code].kind : EXIT_ERROR;
	e->len = code < NELEM(exits) ? exits[code].len : 0;
	switch (code) {
	case SVM_CPUID:
		e->osxsave = c->cr4 & CR4_OSXSAVE;
		return;
	case SVM_MSR:
		if (c->exit_info1 & 1)
			e->kind = EXIT_WRMSR;
		return;
	/* LAB 7: step 3: what EXITINFO1 and 2 say of an IN or OUT, and of a nested fault. */
	case SVM_IO: /* 15.10.2 */
		e->port = c->exit_info1 >> 16;
		e->write = !(c->exit_info1 & 1);
		e->string = c->exit_info1 & 4;
		e->size = c->exit_info1 >> 4 & 7;
		e->len = c->exit_info2 - c->rip;
		return;
	case SVM_NPF: /* 15.25.6 */
		e->kind = EXIT_NESTED_FAULT;
		e->gpa.v = c->exit_info2;
		e->write = c->exit_info1 & 2;
		return;
		/* LAB 7 ELSE
		LAB 7 END */
	}
}

/* Puts all that a guest may have of the FPU's registers into an area. */
static inline void
xsave(u8 *area)
{
	asm volatile("xsave64 (%0)" ::"r"(area), "a"(XCR0_GUEST), "d"(0) : "memory");
}

/* Fills those registers which the mask names. */
static inline void
xrstor(const u8 *area, u64 mask)
{
	asm volatile("xrstor64 (%0)" ::"r"(area), "a"((u32)mask), "d"((u32)(mask >> 32))
		     : "memory");
}

/*
 * Fills the FPU's registers for a vCPU that was not the last one here. What guests are not to have
 * is emptied: MPX's bounds, and PKRU, which takes no more than a bit of CR4. The kernel does not
 * use the FPU, so it still holds what the last vCPU on this CPU has left there, and mostly of x87
 * that is what is wanted. Loading x87 is not for nothing: in QEMU 7.2 (cpu_clear_ignne) it writes
 * CPU 0's hflags2, whichever CPU executes it, with no lock. If CPU 0 enters or leaves a guest
 * meanwhile, it may lose that nested paging has been turned on (its guest then reaches the host's
 * memory), or off. Guests that load x87 themselves (XRSTOR, FXRSTOR, FRSTOR, FLDENV) still do that.
 */
static void
load_fpu(const struct svm_vcpu *s, int cpu)
{
	u8 *holds = fpu_holds[cpu];
	u64 mask = xcr0_all & ~XCR0_X87;

	if (xcr0_hidden) {
		xsetbv(xcr0_all | xcr0_hidden);
		xrstor(fpu_empty, xcr0_hidden);
		xsetbv(xcr0_all);
	}
	xsave(holds);
	if (memcmp(holds, s->fpu, 24) ||
		memcmp(holds + 32, s->fpu + 32, 128)) /* SDM vol. 1, 10.5.1 */
		mask = xcr0_all;
	xrstor(s->fpu, mask);
}

/* Moves the neutral state into the VMCB, and what has to be injected. */
static void
put_state(struct vcpu *v, struct svm_vcpu *s, int cpu)
{
	bool other = percpu[cpu].last != v || s->last_cpu != cpu;
	struct vmcb *c = s->vmcb;

	if (other) { /* was here last; or we were elsewhere */
		if (!percpu[cpu].on)
			svm_cpu_init();
		load_fpu(s, cpu);
	}
	if (v->rip != c->rip) /* stepped over an instruction: its shadow of STI is over too */
		c->shadow = 0;
	c->rax = v->reg[RAX];
	c->rsp = v->reg[RSP];
	c->rip = v->rip;
	c->rflags = v->rflags;
	c->efer = v->efer | EFER_SVME; /* 15.5.1: VMRUN refuses a guest without it */
	if (v->exception >= 0) {
		c->event_inject = v->exception | EVENT_VALID | EVENT_EXCEPTION;
		if (has_code(v->exception))
			c->event_inject |= EVENT_HAS_CODE;
		v->exception = -1;
	}
	/* One ASID for all guests: flush it whenever its owner changes on this CPU. */
	if ((c->tlb_control = s->flush || other)) {
		s->flush = false;
		s->last_cpu = cpu;
		percpu[cpu].last = v;
	}
}

static void
get_state(struct vcpu *v, struct svm_vcpu *s)
{
	struct vmcb *c = s->vmcb;

	v->reg[RAX] = c->rax;
	v->reg[RSP] = c->rsp;
	v->rip = c->rip;
	v->rflags = c->rflags;
	v->efer = c->efer & ~EFER_SVME;
	v->cpl = c->cpl;
	/* LAB 8: step 3: V_IRQ still set: it was not taken. The next entry begins with neither. */
	if (c->vintr & V_IRQ && !(c->intercept1 & I1_VINTR))
		v->untaken = c->vintr >> 32 & 0xff;
	c->vintr &= ~V_IRQ;
	c->intercept1 &= ~I1_VINTR;
	/* LAB 8 ELSE
	LAB 8 END */
	if (c->exit_code == SVM_IRET)
		c->intercept1 &= ~I1_IRET;
	/* An exit in the middle of a delivery: the same event again (15.7.2). */
	c->event_inject = c->exit_int_info & EVENT_VALID ? c->exit_int_info : 0;
	/*
	 * QEMU 7.2 (handle_even_inj) calls a virtual interrupt that met a nested fault an
	 * exception, which VMRUN would refuse; and as V_IRQ is still set, it comes again: untaken.
	 */
	if ((c->event_inject & EVENT_TYPE) == EVENT_EXCEPTION && (c->event_inject & 0xff) > 31)
		c->event_inject = 0;
}

static void
svm_run(struct vcpu *v, struct exit *e)
{
	struct svm_vcpu *s = v->arch;
	int cpu = this_cpu()->id;
	u64 cr0 = read_cr0();

	write_cr0(cr0 & ~(CR0_EM | CR0_TS));
	put_state(v, s, cpu);
	if (v->xcr0 != xcr0_all)
		xsetbv(v->xcr0);
	svm_enter(s->vmcb_pa, v->reg, percpu[cpu].state);
	/* It may have set XCR0 with no exit, and what it may not set: QEMU 7.2 does not intercept
	 * XSETBV. */
	if ((v->xcr0 = xgetbv()) != xcr0_all) {
		v->xcr0 &= xcr0_all;
		xsetbv(xcr0_all);
	}
	xsave(s->fpu);
	write_cr0(cr0);
	get_state(v, s);
	decode(s->vmcb, e);
}

static const struct virt_ops svm_ops = {
	.name = "svm",
	.vcpu_init = svm_vcpu_init,
	.vcpu_fini = svm_vcpu_fini,
	.start_at = svm_start_at,
	.start_sipi = svm_start_sipi,
	.run = svm_run,
	.can_take_irq = svm_can_take_irq,
	.inject_irq = svm_inject_irq,
	.inject_nmi = svm_inject_nmi,
	.ask_window = svm_ask_window,
	.flush = svm_flush,
};
