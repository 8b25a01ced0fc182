/* What the VMM does about each exit: one table. And what a guest may see of CPU and MSRs. */
#include "hal/pv.h"
#include "hal/timer.h"
#include "kernel/trace.h"
#include "kernel/x86.h"
#include "vmm/vm.h"

#define VECTOR_DB 1
#define VECTOR_UD 6
#define VECTOR_GP 13
#define VECTOR_AC 17

/* WBINVD and INVD, too: caches are coherent, so there is nothing to do. */
static int
exit_skip(struct vcpu *v, const struct exit *e)
{
	v->rip += e->len;
	return 1;
}

static int
exit_none(struct vcpu *v, const struct exit *e)
{
	return 1;
}

static int
exit_hlt(struct vcpu *v, const struct exit *e)
{
	v->halted = true;
	return exit_skip(v, e);
}

static int
exit_pause(struct vcpu *v, const struct exit *e)
{
	exit_skip(v, e);
	return 0;
}

/* An exception for the guest instead of the instruction that it tried. */
static int
raise(struct vcpu *v, int vector)
{
	v->exception = vector;
	return 1;
}

/* One that it has caused by itself, or an instruction that we do not have. */
static int
exit_exception(struct vcpu *v, const struct exit *e)
{
	return raise(v, e->kind == EXIT_DEBUG       ? VECTOR_DB
			: e->kind == EXIT_ALIGNMENT ? VECTOR_AC
						    : VECTOR_UD);
}

/* The processor has looked at CPL and CR4. x87, with SSE, with AVX as well (SDM vol. 1, 13.3). */
static int
exit_xsetbv(struct vcpu *v, const struct exit *e)
{
	u64 want = (u32)v->reg[RAX] | v->reg[RDX] << 32;
	u32 r[4];

	cpuid(0xd, 0, r);
	if ((u32)v->reg[RCX] || !want || want & (want + 1) || want & ~(u64)(r[0] & XCR0_GUEST))
		return raise(v, VECTOR_GP);
	v->xcr0 = want;
	return exit_skip(v, e);
}

/*
 * CPUID: what a guest is shown. A leaf that is not here reads as zero. `keep` are the host's bits
 * that pass, `set` is added. A bit passes only if what it promises works: its state is switched or
 * there is none, and it needs no MSR that is not below.
 */
static const struct {
	u64 leaf;            /* with the subleaf, in 7 and 0xd, from bit 32 on */
	u32 keep[4], set[4]; /* EAX EBX ECX EDX */
} cpuid_table[] = {
	/* The vendor, by which a guest chooses its workarounds; the highest leaf. */
	{0, {0, ~0u, ~0u, ~0u}, {0xd}},
	/* EBX: CLFLUSH size. ECX: SSE3 to SSE4, AES, PCLMUL, MOVBE, POPCNT, RDRAND; AVX, FMA, F16C,
	 * XSAVE, whose state is switched, with OSXSAVE below; not MONITOR (it exits), VMX, PCID,
	 * the TSC deadline (no MSR). With x2APIC, since the APIC is one, and "hypervisor". EDX
	 * without MCE, MTRR, MCA (no MSRs), ACPI (no thermal control), HTT (below). */
	{1, {~0u, 0xff00, 0x76d83203, 0x078bab7f}, {0, 0, BIT(21) | BIT(31), BIT(9)}},
	/* EBX: FSGSBASE, BMI1, AVX2, SMEP, BMI2, ERMS, ADX, SMAP. ECX: UMIP. They have no state
	 * that is not switched; PKU, CET, AVX-512, SGX have, and INVPCID wants PCID. */
	{7, {0, 0x001803a9, 0x4, 0}, {0}},
	{0xb, {0}, {0}}, /* topology: below; the host's is not the guest's */
	/* XSAVE: what XCR0 may hold, and the bytes of all that; XSAVEOPT, XGETBV1; where AVX is. */
	{0xd, {XCR0_GUEST}, {0, 832, 832}}, {0xd | 1UL << 32, {0x5}, {0}},
	{0xd | 2UL << 32, {~0u, ~0u}, {0}},
	{HC_CPUID_BASE, {0}, {0}},   /* how our HAL finds us: below */
	{HC_CPUID_TIMING, {0}, {0}}, /* frequencies, so that no guest has to measure: below */
	{HC_CPUID_COST, {0}, {0}},   /* its exits, and the host's idle time, to measure by: below */
	{0x80000000, {0, ~0u, ~0u, ~0u}, {0x80000008}},
	/* ECX: LAHF, ABM, PREFETCHW; no SVM: no guests in guests. EDX: SYSCALL, NX, 1G, LM,
	 * which long mode needs; no RDTSCP (its MSR is not switched). */
	{0x80000001, {~0u, 0, 0x121, 0x24100800}, {0}},
	{0x80000002, {~0u, ~0u, ~0u, ~0u}, {0}}, /* the name, for people: three leaves */
	{0x80000003, {~0u, ~0u, ~0u, ~0u}, {0}}, {0x80000004, {~0u, ~0u, ~0u, ~0u}, {0}},
	{0x80000008, {~0u, 0, 0, 0}, {0}}, /* address widths: page tables depend on them */
};

/* What of CPUID is each vCPU's own: how many there are, as cores of one package, and its id. */
static void
cpuid_topology(const struct vcpu *v, u32 leaf, u32 sub, u32 r[4])
{
	u32 n = v->vm->ncpus;

	if (leaf == 1) {
		r[1] |= n << 16 | v->id << 24;
		r[3] |= n > 1 ? BIT(28) : 0; /* HTT: the count in EBX is valid */
	} else if (leaf == 0xb) {            /* level 0: one thread a core; level 1: the cores */
		r[0] = sub == 1 ? 3 : 0;     /* bits of the APIC id below the next level */
		r[1] = sub == 0 ? 1 : sub == 1 ? n : 0;
		r[2] = sub | (sub < 2 ? sub + 1 : 0) << 8;
		r[3] = v->id;
	}
}
_Static_assert(VM_MAX_CPUS <= 1 << 3, "CPUID leaf 11");

static int
exit_cpuid(struct vcpu *v, const struct exit *e)
{
	/* LAB 7: step 5: the leaf's row, if there is one; then what is not the host's. */
	u32 leaf = v->reg[RAX], sub = v->reg[RCX], r[4] __attribute__((aligned(8))) = {0};

	for (unsigned i = 0; i < NELEM(cpuid_table); i++) {
		if (cpuid_table[i].leaf !=
			(leaf == 7 || leaf == 0xd ? leaf | (u64)sub << 32 : leaf))
			continue;
		cpuid(leaf, sub, r);
		for (int k = 0; k < 4; k++)
			r[k] = (r[k] & cpuid_table[i].keep[k]) | cpuid_table[i].set[k];
	}
	if (leaf == HC_CPUID_BASE) {
		r[0] = HC_CPUID_COST;
		memcpy(&r[1], HC_SIGNATURE, 12);
	} else if (leaf == HC_CPUID_TIMING) {
		r[0] = timer_tsc_khz();
		r[1] = VLAPIC_TIMER_KHZ;
	} else if (leaf == HC_CPUID_COST) {
		pv_cost((u64 *)r); /* the host's: no exits */
		for (unsigned i = 0; i < v->vm->ncpus; i++)
			r[0] += v->vm->vcpu[i]->entries;
	}
	if (leaf == 1)
		r[2] |= e->osxsave ? BIT(27) : 0;
	cpuid_topology(v, leaf, sub, r);
	v->reg[RAX] = r[0];
	v->reg[RBX] = r[1];
	v->reg[RCX] = r[2];
	v->reg[RDX] = r[3];
	return exit_skip(v, e);
	/* LAB 7 ELSE
	(void)cpuid_table, (void)cpuid_topology;
	return raise(v, VECTOR_UD);
	LAB 7 END */
}

/*
 * MSRs that exit. What is not here, nor in the x2APIC's range (vlapic.c has that), nor switched by
 * the vendor's file, is #GP, as on a machine without it: it would be the host's.
 */
enum {
	MSR_TSC = 0x10,          /* written: time is not the guest's to set */
	MSR_MICROCODE = 0x8b,    /* the revision: guests look, and want 0 if there is none */
	MSR_MISC_ENABLE = 0x1a0, /* Intel's, and guests read it unasked */
	MSR_X2APIC = 0x800,
	MSR_X2APIC_LAST = 0x8ff,
};
#define EFER_GUEST (EFER_SCE | EFER_LME | BIT(10) | EFER_NXE | BIT(14)) /* LMA, FFXSR */

/* True if the guest may; else it gets #GP. */
static bool
read_msr(struct vcpu *v, u32 msr, u64 *value)
{
	switch (msr) {
	case MSR_X2APIC ... MSR_X2APIC_LAST:
		return vlapic_rdmsr(v, msr, value);
	case MSR_EFER:
		*value = v->efer;
		return true;
	case MSR_APIC_BASE: /* fixed: x2APIC, enabled; who is the BSP */
		*value = 0xfee00c00 | (v->id == 0) << 8;
		return true;
	case MSR_TSC:
	case MSR_MICROCODE:
	case MSR_MISC_ENABLE:
		*value = 0;
		return true;
	}
	return false;
}

/* What is known and not written here keeps its value. */
static bool
write_msr(struct vcpu *v, u32 msr, u64 value)
{
	u64 old;

	if (msr >= MSR_X2APIC && msr <= MSR_X2APIC_LAST)
		return vlapic_wrmsr(v, msr, value);
	if (msr == MSR_EFER) {
		/* LME stays as it is while it is in force (AMD64 manual vol. 2, 14.6.1). */
		if (value & ~EFER_GUEST || (v->efer & BIT(10) && (value ^ v->efer) & EFER_LME))
			return false;
		v->efer = (value & ~BIT(10)) | (v->efer & BIT(10));
		return true;
	}
	return read_msr(v, msr, &old);
}

static int
exit_rdmsr(struct vcpu *v, const struct exit *e)
{
	u64 value;

	if (!read_msr(v, v->reg[RCX], &value))
		return raise(v, VECTOR_GP);
	v->reg[RAX] = (u32)value;
	v->reg[RDX] = value >> 32;
	return exit_skip(v, e);
}

static int
exit_wrmsr(struct vcpu *v, const struct exit *e)
{
	u64 value = (u32)v->reg[RAX] | v->reg[RDX] << 32;

	if (!write_msr(v, v->reg[RCX], value))
		return raise(v, VECTOR_GP);
	return exit_skip(v, e);
}

/* Only the guest's kernel may call. */
static int
exit_hcall(struct vcpu *v, const struct exit *e)
{
	const u64 arg[5] = {v->reg[RDI], v->reg[RSI], v->reg[RDX], v->reg[R10], v->reg[R8]};
	s64 ret;

	if (v->cpl != 0)
		return raise(v, VECTOR_UD);
	trace_kvm_hypercall(v->vm->id, v->reg[RAX], arg[0], arg[1]);
	ret = hypercall(v, v->reg[RAX], arg);
	trace_kvm_hypercall_done(v->vm->id, v->reg[RAX], ret, 0);
	if (ret == HYPERCALL_AGAIN)
		return 0;
	v->reg[RAX] = ret;
	return exit_skip(v, e);
}

/*
 * Ports. What is not here reads as ones and swallows writes, like a bus with nothing on it: of the
 * host's ports a guest reaches none.
 */
enum port { PORT_NONE, PORT_END, PORT_UART, PORT_BUTTON, PORT_POWER, PORT_CONFIG };
static const u8 port_table[0x1000] = {
	/* the last is for all above, too */
	[0xf4] = PORT_END,               /* debug-exit: ends this VM, with a status for scripts */
	[0x3f8 ... 0x3ff] = PORT_UART,   /* COM1: the only console that needs no memory */
	[VM_PM1_EVENT] = PORT_BUTTON,    /* our FADT's: was it pressed? */
	[VM_PM1_CONTROL] = PORT_POWER,   /* the same: how kernels turn themselves off */
	[0xcf8 ... 0xcff] = PORT_CONFIG, /* configuration space, of assigned devices only */
};

static u32
port_in(struct vm *vm, u16 port, unsigned size)
{
	enum port kind = port_table[MIN(port, NELEM(port_table) - 1)];

	return kind == PORT_UART     ? vuart_in(vm, port & 7)
	       : kind == PORT_CONFIG ? vpci_in(vm, port, size)
	       : kind == PORT_BUTTON ? vm->pm1_status
				     : ~0u;
}

/* Returns like an exit handler: negative if the guest has turned itself off. */
static int
port_out(struct vm *vm, u16 port, unsigned size, u32 value)
{
	enum port kind = port_table[MIN(port, NELEM(port_table) - 1)];

	if (kind == PORT_UART)
		vuart_out(vm, port & 7, value);
	else if (kind == PORT_CONFIG)
		vpci_out(vm, port, size, value);
	else if (kind == PORT_BUTTON)
		__atomic_and_fetch(&vm->pm1_status, ~value, __ATOMIC_SEQ_CST); /* ones clear */
	else if (kind == PORT_END)
		return vm_end(vm, value & 0xff, "powered off with status %u", value & 0xff);
	else if (kind == PORT_POWER && value & BIT(13)) /* SLP_EN */
		return vm_end(vm, 0, "powered off");
	return 1;
}

static int
exit_io(struct vcpu *v, const struct exit *e)
{
	/* LAB 7: step 6: by port_in() and port_out(); of RAX only what the instruction names. */
	u64 mask = e->size == 4 ? ~0u : BIT(8 * e->size) - 1;
	int again = 1;

	if (e->string)
		return vm_end(v->vm, -1, "string I/O to port 0x%x at rip 0x%lx: not supported",
			e->port, v->rip);
	if (e->write) {
		again = port_out(v->vm, e->port, e->size, v->reg[RAX] & mask);
	} else {
		u64 keep = e->size == 4 ? 0 : ~mask; /* a 32-bit result clears the upper half */
		v->reg[RAX] = (v->reg[RAX] & keep) | (port_in(v->vm, e->port, e->size) & mask);
	}
	return again < 0 ? again : exit_skip(v, e);
	/* LAB 7 ELSE
	(void)port_in, (void)port_out;
	return vm_end(v->vm, -1, "port 0x%x at rip 0x%lx: not implemented", e->port, v->rip);
	LAB 7 END */
}

static int
exit_nested_fault(struct vcpu *v, const struct exit *e)
{
	/* LAB 7: step 4: memory that was not touched before; else the VM ends. Locked. */
	bool there;

	spin_lock(&v->vm->lock);
	there = vm_touch(v->vm, e->gpa);
	spin_unlock(&v->vm->lock);
	if (there)
		return 1;
	return vm_end(v->vm, -1, "%s of gpa 0x%lx at rip 0x%lx: %s", e->write ? "write" : "read",
		e->gpa.v, v->rip,
		e->gpa.v < v->vm->mem ? "the host has no memory left" : "nothing is there");
	/* LAB 7 ELSE
	return vm_end(v->vm, -1, "nested fault at gpa 0x%lx: not implemented", e->gpa.v);
	LAB 7 END */
}

static int
exit_shutdown(struct vcpu *v, const struct exit *e)
{
	return vm_end(v->vm, -1, "triple fault at rip 0x%lx", v->rip);
}

static int
exit_error(struct vcpu *v, const struct exit *e)
{
	return vm_end(v->vm, -1, "unknown exit 0x%lx at rip 0x%lx", e->code, v->rip);
}

static const struct {
	const char *name;
	int (*fn)(struct vcpu *, const struct exit *);
} table[] = {
#define X(NAME, text, handler) [EXIT_##NAME] = {text, handler},
	EXIT_LIST(X)
#undef X
};

int
exit_handle(struct vcpu *v, const struct exit *e)
{
	return table[e->kind].fn(v, e);
}

const char *
exit_name(unsigned kind)
{
	return table[kind].name;
}
