/*
 * The virtual local APIC, x2APIC shape only: every register is an MSR (SDM vol. 3, 11.12), so no
 * instruction has to be decoded.
 */
#include "hal/timer.h"
#include "kernel/x86.h"
#include "vmm/vm.h"

enum {
	X2_ID = 0x802,
	X2_VERSION = 0x803,
	X2_TPR = 0x808,
	X2_PPR = 0x80a,
	X2_EOI = 0x80b,
	X2_LDR = 0x80d,
	X2_SVR = 0x80f,
	X2_ISR = 0x810,
	X2_TMR = 0x818,
	X2_IRR = 0x820,
	X2_ESR = 0x828,
	X2_LVT_CMCI = 0x82f,
	X2_ICR = 0x830,
	X2_LVT_TIMER = 0x832,
	X2_LVT_LAST = 0x837,
	X2_INITIAL = 0x838,
	X2_CURRENT = 0x839,
	X2_DIVIDE = 0x83e,
	X2_SELF_IPI = 0x83f,
};
#define LVT_MASKED   BIT(16)
#define LVT_PERIODIC BIT(17)
/*
 * A count begins when the guest is entered again: what the exit costs that sets it is not the
 * guest's time. Else a guest on a slow host would do nothing but set its clock.
 */
#define FROM_ENTRY 1

void
vlapic_reset(struct vcpu *v)
{
	v->lapic = (struct vlapic){.svr = 0xff, .lvt_timer = LVT_MASKED, .due = ~0UL};
}

static int
highest(const u32 bits[8])
{
	for (int i = 7; i >= 0; i--)
		if (bits[i])
			return 32 * i + 31 - __builtin_clz(bits[i]);
	return -1;
}

/* Processor priority, SDM 11.8.3.1: the class below which interrupts wait. */
static int
priority(const struct vlapic *l)
{
	/* LAB 8: step 2: of the guest's threshold and of what is in service. */
	int isr = highest(l->isr);

	return MAX((int)(l->tpr >> 4), isr < 0 ? 0 : isr >> 4);
	/* LAB 8 ELSE
	(void)highest;
	return 0;
	LAB 8 END */
}

int
vlapic_pending(struct vcpu *v)
{
	/* LAB 8: step 2: the highest, unless the APIC is off, or its class has to wait. */
	int vector = highest(v->lapic.irr);

	if (vector < 16 || !(v->lapic.svr & 0x100) || vector >> 4 <= priority(&v->lapic))
		return -1;
	return vector;
	/* LAB 8 ELSE
	return -1;
	LAB 8 END */
}

void
vlapic_accept(struct vcpu *v, u8 vector)
{
	/* LAB 8: step 2: from IRR to ISR; to nowhere, if v->no_eoi has it. */
	v->lapic.irr[vector / 32] &= ~(1u << vector % 32);
	if (!(v->no_eoi[vector / 32] >> vector % 32 & 1))
		v->lapic.isr[vector / 32] |= 1u << vector % 32;
	/* LAB 8 ELSE
	LAB 8 END */
}

void
vlapic_no_eoi(struct vcpu *v, u8 vector, bool on)
{
	spin_lock(&v->lock);
	v->no_eoi[vector / 32] &= ~(1u << vector % 32);
	v->no_eoi[vector / 32] |= (u32)on << vector % 32;
	spin_unlock(&v->lock);
}

/* v->lock held. */
static void
set_irr(struct vcpu *v, u8 vector)
{
	v->lapic.irr[vector / 32] |= 1u << vector % 32;
	v->attention = true;
}

unsigned
vlapic_waiting(const struct vcpu *v)
{
	unsigned n = 0;

	for (int i = 0; i < 8; i++)
		for (u32 left = v->lapic.irr[i]; left; left &= left - 1)
			n++;
	return n;
}

void
vlapic_untake(struct vcpu *v)
{
	spin_lock(&v->lock);
	v->lapic.isr[v->untaken / 32] &= ~(1u << v->untaken % 32);
	set_irr(v, v->untaken);
	v->untaken = -1;
	spin_unlock(&v->lock);
}

void
vlapic_post(struct vcpu *v, u8 vector)
{
	spin_lock(&v->lock);
	set_irr(v, vector);
	spin_unlock(&v->lock);
	vcpu_kick(v);
}

/* A vCPU gets what a command register asks for. Delivery modes: SDM 11.6.1. */
static void
deliver(struct vcpu *v, u32 command)
{
	spin_lock(&v->lock);
	switch (command >> 8 & 7) {
	case 0: /* fixed */
	case 1: /* lowest priority: as good as any */
		set_irr(v, command);
		break;
	case 4:
		v->nmi = !v->waiting;
		break;
	case 5: /* without "assert" it has no effect */
		if (command & BIT(14)) {
			v->init = true;
			v->sipi = -1;
		}
		break;
	case 6: /* a CPU that runs ignores it */
		if (v->waiting || v->init)
			v->sipi = command & 0xff;
		break;
	}
	spin_unlock(&v->lock);
	vcpu_kick(v);
}

/* The logical id: 16 CPUs a cluster, one bit each (SDM 11.12.10.2). */
static u32
logical_id(const struct vcpu *v)
{
	return (v->id >> 4) << 16 | 1u << (v->id & 15);
}

/* The interrupt command register is written (SDM 11.12.9): to each vCPU that it names. */
static void
send_ipi(struct vcpu *from, u64 value)
{
	/* LAB 8: step 5: by shorthand, by its id, by its logical id, or all. */
	u32 to = value >> 32, shorthand = value >> 18 & 3; /* none, self, all, others */

	for (unsigned i = 0; i < from->vm->ncpus; i++) {
		struct vcpu *v = from->vm->vcpu[i];
		bool named = to == v->id;

		if (value & BIT(11)) /* logical */
			named = to >> 16 == logical_id(v) >> 16 && to & logical_id(v) & 0xffff;
		if (shorthand)
			named = v == from ? shorthand != 3 : shorthand != 1;
		else if (to == ~0u)
			named = true;
		if (named)
			deliver(v, value);
	}
	/* LAB 8 ELSE
	(void)deliver;
	LAB 8 END */
}

u64
vlapic_timer(struct vcpu *v, u64 now)
{
	/* LAB 8: step 4: from when it counts; is it due, what then; l->due: the same by TSC. */
	struct vlapic *l = &v->lapic;

	if (l->deadline == FROM_ENTRY)
		l->deadline = now + l->period;
	if (l->deadline && now >= l->deadline) {
		u8 vector = l->lvt_timer & 0xff;

		if (!(l->lvt_timer & LVT_MASKED))
			set_irr(v, vector);
		if (l->lvt_timer & LVT_PERIODIC) {
			l->deadline += l->period;
			if (l->deadline <= now) /* we were away too long: ticks are lost */
				l->deadline = now + l->period;
		} else {
			l->deadline = 0;
		}
	}
	l->due = l->deadline ? rdtsc() + (l->deadline - now) * timer_tsc_khz() / 1000000 : ~0UL;
	return l->deadline;
	/* LAB 8 ELSE
	v->lapic.due = ~0UL;
	return 0;
	LAB 8 END */
}

/* SDM 11.5.4: the divisor's bits 3, 1 and 0. One tick of the undivided timer is a nanosecond. */
static u64
ticks_to_ns(const struct vlapic *l, u64 ticks)
{
	/* LAB 8: step 4. */
	unsigned code = (l->divide & 3) | (l->divide >> 1 & 4);

	return ticks * (code == 7 ? 1 : 2UL << code);
	/* LAB 8 ELSE
	return ticks;
	LAB 8 END */
}

static void
start_timer(struct vlapic *l, u32 count)
{
	l->initial = count;
	/* LAB 8: step 4: the period, and FROM_ENTRY; a count of 0 stops it. */
	/* A period below 100 us would keep the host busy with nothing else. */
	l->period = MAX(ticks_to_ns(l, count), 100000UL);
	l->deadline = count ? FROM_ENTRY : 0;
	/* LAB 8 ELSE
	(void)ticks_to_ns;
	LAB 8 END */
}

static u32
current_count(const struct vlapic *l)
{
	/* LAB 8: step 4: what is left, in ticks. */
	u64 now = timer_ns();

	if (!l->deadline || now >= l->deadline)
		return 0;
	return (l->deadline - now) / ticks_to_ns(l, 1);
	/* LAB 8 ELSE
	return 0;
	LAB 8 END */
}

bool
vlapic_rdmsr(struct vcpu *v, u32 msr, u64 *value)
{
	struct vlapic *l = &v->lapic;
	bool known = true;

	*value = 0;
	spin_lock(&v->lock);
	if (msr >= X2_ISR && msr < X2_ISR + 8)
		*value = l->isr[msr - X2_ISR];
	else if (msr >= X2_IRR && msr < X2_IRR + 8)
		*value = l->irr[msr - X2_IRR];
	else if (msr == X2_ID)
		*value = v->id;
	else if (msr == X2_VERSION)
		*value = 0x50014;
	else if (msr == X2_TPR)
		*value = l->tpr;
	else if (msr == X2_PPR)
		*value = priority(l) << 4;
	else if (msr == X2_LDR)
		*value = logical_id(v);
	else if (msr == X2_SVR)
		*value = l->svr;
	else if (msr == X2_LVT_TIMER)
		*value = l->lvt_timer;
	else if (msr == X2_INITIAL)
		*value = l->initial;
	else if (msr == X2_CURRENT)
		*value = current_count(l);
	else if (msr == X2_DIVIDE)
		*value = l->divide;
	else if (msr > X2_LVT_TIMER && msr <= X2_LVT_LAST)
		*value = LVT_MASKED;
	else
		known = (msr >= X2_TMR && msr < X2_TMR + 8) || msr == X2_ESR || msr == X2_ICR ||
			msr == X2_LVT_CMCI;
	spin_unlock(&v->lock);
	return known;
}

/* SDM 11.8.5: the highest interrupt in service is done. */
static void
end_of_interrupt(struct vlapic *l)
{
	/* LAB 8: step 2. */
	int vector = highest(l->isr);

	if (vector >= 0)
		l->isr[vector / 32] &= ~(1u << vector % 32);
	/* LAB 8 ELSE
	LAB 8 END */
}

bool
vlapic_wrmsr(struct vcpu *v, u32 msr, u64 value)
{
	struct vlapic *l = &v->lapic;
	bool known = true;

	if (msr == X2_ICR) { /* may take another vCPU's lock */
		send_ipi(v, value);
		return true;
	}
	spin_lock(&v->lock);
	switch (msr) {
	case X2_TPR:
		l->tpr = value & 0xff;
		break;
	case X2_EOI:
		end_of_interrupt(l);
		break;
	case X2_SVR:
		l->svr = value & 0x1ff;
		break;
	case X2_SELF_IPI:
		set_irr(v, value);
		break;
	case X2_LVT_TIMER:
		l->lvt_timer = value & (0xff | LVT_MASKED | LVT_PERIODIC);
		break;
	case X2_INITIAL:
		start_timer(l, value);
		v->attention = true; /* vlapic_timer() then says when it is due */
		break;
	case X2_DIVIDE:
		l->divide = value & 0xb;
		break;
	default:
		known = msr == X2_ESR || msr == X2_LVT_CMCI ||
			(msr > X2_LVT_TIMER && msr <= X2_LVT_LAST);
	}
	spin_unlock(&v->lock);
	return known;
}
