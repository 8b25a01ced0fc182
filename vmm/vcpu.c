/* The loop of a virtual CPU. It is a kernel thread like any other: the scheduler may stop it. */
#include "vmm/vcpu.h"
#include "hal/smp.h"
#include "hal/timer.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"
#include "kernel/trace.h"
#include "kernel/x86.h"
#include "vmm/vm.h"

static const char *why_not = "this CPU has no SVM (AMD-V): give QEMU -cpu max or EPYC";
static const struct virt_ops *ops;

const struct virt_ops *
virt(void)
{
	if (!ops)
		ops = svm_probe(&why_not);
	return ops;
}

const char *
virt_why_not(void)
{
	return why_not;
}

int
vcpu_create(struct vm *vm, unsigned id, struct vcpu **out)
{
	struct vcpu *v = kmalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->id = id;
	v->waiting = id != 0;
	v->tsc_offset = vm->tsc_offset;
	v->sipi = v->cpu = -1;
	v->exception = v->untaken = -1;
	spin_init(&v->lock, "vcpu");
	vlapic_reset(v);
	if ((err = virt()->vcpu_init(v, vm->npt.root_pa))) {
		kfree(v);
		return err;
	}
	*out = v;
	return 0;
}

void
vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	virt()->vcpu_fini(v);
	kfree(v);
}

/*
 * Has it look at what has changed before it enters the guest again; out of the guest, if it is in.
 * Either it finds `attention` set, or we find it on a CPU: see enter(). v->lock held.
 */
static void
ask(struct vcpu *v)
{
	int cpu;

	__atomic_store_n(&v->attention, true, __ATOMIC_SEQ_CST);
	if ((cpu = __atomic_load_n(&v->cpu, __ATOMIC_SEQ_CST)) >= 0)
		smp_kick(cpu);
}

void
vcpu_kick(struct vcpu *v)
{
	spin_lock(&v->lock);
	ask(v);
	spin_unlock(&v->lock);
	wakeup(v);
}

/*
 * Nobody is waited for who needs a lock to leave: enter() clears v->cpu before it lets interrupts
 * in. So this may be called with vm->lock held, and interrupts off.
 */
void
vm_flush(struct vm *vm)
{
	/* LAB 12: step 1: ask() each to forget; wait for those that are in the guest. */
	u64 seen[VM_MAX_CPUS];

	for (unsigned i = 0; i < vm->ncpus; i++) {
		struct vcpu *v = vm->vcpu[i];

		spin_lock(&v->lock);
		v->flush = true;
		/* An entry that is not counted yet finds this, and forgets; any other is waited
		 * for. */
		__atomic_store_n(&v->attention, true, __ATOMIC_SEQ_CST);
		seen[i] = READ_ONCE(v->entries);
		ask(v);
		spin_unlock(&v->lock);
	}
	for (unsigned i = 0; i < vm->ncpus; i++)
		while (READ_ONCE(vm->vcpu[i]->cpu) >= 0 &&
			__atomic_load_n(&vm->vcpu[i]->entries, __ATOMIC_ACQUIRE) == seen[i])
			pause();
	/* LAB 12 ELSE
	LAB 12 END */
}

/* INIT and SIPI take effect here (SDM vol. 3, 9.4.2 and 11.6). v->lock held. */
static void
take_init(struct vcpu *v)
{
	if (v->init) {
		v->init = v->halted = false;
		v->exception = -1;
		v->waiting = true;
		vlapic_reset(v);
	}
	if (v->waiting && v->sipi >= 0) {
		ops->start_sipi(v, v->sipi);
		v->waiting = false;
	}
	v->sipi = -1;
}

/*
 * Sleeps while it waits for a SIPI, or is in HLT with no interrupt and no timer due. False if the
 * VM is to stop.
 */
static bool
wait_to_run(struct vcpu *v)
{
	spin_lock(&v->lock);
	for (;;) {
		u64 deadline = vlapic_timer(v, timer_ns());

		take_init(v);
		/* LAB 8: step 3: what ends a HLT. */
		if (v->nmi || vlapic_pending(v) >= 0)
			v->halted = false;
		/* LAB 8 ELSE
		LAB 8 END */
		if (READ_ONCE(v->vm->stop) || (!v->halted && !v->waiting))
			break;
		proc_sleep_until(v, &v->lock, deadline);
	}
	spin_unlock(&v->lock);
	return !READ_ONCE(v->vm->stop);
}

/*
 * What has come since the last entry goes into the guest with the next one. False if there is
 * something to see to first. Interrupts are off.
 */
static bool
attend(struct vcpu *v)
{
	bool go;

	spin_lock(&v->lock);
	if ((go = !v->init && !READ_ONCE(v->vm->stop))) {
		vlapic_timer(v, timer_ns());
		if (v->flush)
			ops->flush(v);
		if (v->nmi && v->exception < 0)
			v->nmi = !ops->inject_nmi(v);
		/* LAB 8: step 3: what is pending: into the guest now, or a window for it. */
		int vector = vlapic_pending(v);

		if (vector >= 0 && v->exception < 0 &&
			ops->can_take_irq(v, vlapic_waiting(v) == 1)) {
			ops->inject_irq(v, vector);
			vlapic_accept(v, vector);
		} else if (vector >= 0) {
			ops->ask_window(v);
		}
		/* LAB 8 ELSE
		LAB 8 END */
		v->flush = false;
		v->attention = v->nmi || vlapic_waiting(v);
	}
	spin_unlock(&v->lock);
	return go;
}

/* Runs the guest, and leaves a trace of it. */
static RARE void
run_traced(struct vcpu *v, struct exit *e)
{
	trace_kvm_entry(v->vm->id, v->id, v->rip, 0);
	ops->run(v, e);
	trace_kvm_exit(v->vm->id, v->id, e->kind, v->rip);
}

/*
 * Enters the guest once; false if there is something to see to first. From the look at what is
 * pending to the entry, this CPU's interrupts are off: a kick that comes in between stays pending
 * and ends the guest's run at once. Without a lock, as most entries find nothing: v->cpu is set
 * before the look, and who asks looks at it after he has set `attention`.
 */
static bool
enter(struct vcpu *v, struct exit *e)
{
	const struct vlapic *l = &v->lapic;
	bool go = true;

	cli();
	v->entries++;
	__atomic_store_n(&v->cpu, this_cpu()->id, __ATOMIC_SEQ_CST);
	if (READ_ONCE(v->attention) || rdtsc() >= l->due)
		go = attend(v);
	if (go && UNLIKELY(trace_on[TRACE_kvm_entry]))
		run_traced(v, e);
	else if (go)
		ops->run(v, e);
	if (v->untaken >= 0)
		vlapic_untake(v);
	__atomic_store_n(&v->cpu, -1, __ATOMIC_RELEASE);
	sti(); /* what made it exit is handled here */
	return go;
}

static void
vcpu_loop(void *arg)
{
	struct vcpu *v = arg;
	struct exit e;
	int again = 1;

	while (again >= 0) {
		struct exit_count *count;
		u64 start, ticks;

		if (v->halted || v->waiting || !enter(v, &e)) {
			if (!wait_to_run(v))
				break;
			continue;
		}
		start = rdtsc();
		again = exit_handle(v, &e);
		ticks = rdtsc() - start;
		count = &v->exits[e.kind];
		count->count++;
		count->ticks += ticks;
		count->longest = MAX(count->longest, ticks);
		if (again == 0)
			proc_yield();
	}
	vm_left(v->vm, 1);
}

int
vcpu_start(struct vcpu *v)
{
	char name[24];

	snprintf(name, sizeof(name), v->id ? "vm:%s.%u" : "vm:%s", v->vm->name, v->id);
	return kthread_start(name, vcpu_loop, v) ? 0 : -ENOMEM;
}
