/* The loop of a virtual CPU. It is a kernel thread like any other: the scheduler may stop it. */
#include "vmm/vcpu.h"
#include "hal/smp.h"
#include "hal/timer.h"
#include "kernel/abi.h"
#include "kernel/cpu.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"
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
vcpu_create(struct vm *vm, struct vcpu **out)
{
	struct vcpu *v = kmalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->cpu = -1;
	v->exception = -1;
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

void
vcpu_raise(struct vcpu *v, int vector, u32 code)
{
	v->exception = vector;
	v->exception_code = code;
}

void
vcpu_kick(struct vcpu *v)
{
	int cpu;

	spin_lock(&v->lock);
	cpu = v->cpu;
	if (cpu >= 0 && cpu != this_cpu()->id)
		smp_kick(cpu);
	spin_unlock(&v->lock);
	wakeup(v);
}

/* Sleeps in HLT until there is an interrupt, the timer is due, or the VM is to stop. */
static void
wait_for_interrupt(struct vcpu *v)
{
	spin_lock(&v->lock);
	while (v->halted && !READ_ONCE(v->vm->stop)) {
		u64 deadline = vlapic_timer(v, timer_ns());

		if (vlapic_pending(v) >= 0)
			v->halted = false;
		else if (deadline)
			proc_sleep_until(v, &v->lock, deadline);
		else
			proc_sleep(v, &v->lock);
	}
	spin_unlock(&v->lock);
}

/*
 * Enters the guest once. From the look at pending interrupts to the entry, this CPU's interrupts
 * are off: a kick that comes in between stays pending and ends the guest's run at once.
 */
static void
enter(struct vcpu *v, struct exit *e)
{
	int vector;

	cli();
	spin_lock(&v->lock);
	vlapic_timer(v, timer_ns());
	vector = vlapic_pending(v);
	if (vector >= 0) {
		if (v->exception < 0 && ops->can_take_irq(v)) {
			ops->inject_irq(v, vector);
			vlapic_accept(v, vector);
		} else {
			ops->ask_window(v);
		}
	}
	v->cpu = this_cpu()->id;
	spin_unlock(&v->lock);
	ops->run(v, e); /* turns interrupts on again */
	spin_lock(&v->lock);
	v->cpu = -1;
	spin_unlock(&v->lock);
}

static void
vcpu_loop(void *arg)
{
	struct vcpu *v = arg;
	struct vm *vm = v->vm;
	struct exit e;
	int again = 1;

	while (again >= 0 && !READ_ONCE(vm->stop)) {
		if (v->halted)
			wait_for_interrupt(v);
		if (READ_ONCE(vm->stop))
			break;
		enter(v, &e);
		v->exits[e.kind]++;
		again = exit_handle(v, &e);
		if (again == 0)
			proc_yield();
	}
	vuart_flush(vm);
	spin_lock(&vm->lock);
	if (again >= 0 && !vm->why[0]) {
		vm->status = -1;
		strlcpy(vm->why, "killed", sizeof(vm->why));
	}
	vm->state = VM_ENDED;
	spin_unlock(&vm->lock);
	wakeup(vm);
}

int
vcpu_start(struct vcpu *v)
{
	char name[16];

	snprintf(name, sizeof(name), "vm:%s", v->vm->name);
	v->thread = kthread_start(name, vcpu_loop, v);
	return v->thread ? 0 : -ENOMEM;
}
