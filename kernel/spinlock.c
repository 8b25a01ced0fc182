#include "kernel/cpu.h"
#include "kernel/debug.h"
#include "kernel/lib.h"
#include "kernel/spinlock.h"
#include "kernel/x86.h"

void
spin_init(struct spinlock *l, const char *name)
{
	*l = (struct spinlock)SPINLOCK_INIT(name);
}

void
irq_push_off(void)
{
	u64 flags = read_flags();

	cli();
	struct cpu *c = this_cpu();
	if (c->irq_off++ == 0)
		c->irq_were_on = flags & FL_IF;
}

void
irq_pop(void)
{
	struct cpu *c = this_cpu();

	ASSERT(!(read_flags() & FL_IF) && c->irq_off > 0);
	if (--c->irq_off == 0 && c->irq_were_on)
		sti();
}

bool
spin_held(const struct spinlock *l)
{
	return READ_ONCE(l->locked) && READ_ONCE(l->cpu) == this_cpu()->id;
}

/* Spins until the lock is ours; the acquire orders all later accesses after it. */
void
spin_lock(struct spinlock *l)
{
	irq_push_off();
	if (spin_held(l))
		panic("deadlock: CPU %d takes lock %s twice", l->cpu, l->name);
	debug_hold(&this_cpu()->held, l, __builtin_return_address(0));
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(l->locked)) {
			pause();
			debug_wait(l);
		}
	l->cpu = this_cpu()->id;
}

void
spin_unlock(struct spinlock *l)
{
	if (!spin_held(l))
		panic("lock %s released by CPU %d, which does not hold it", l->name,
			this_cpu()->id);
	debug_release(&this_cpu()->held, l);
	l->cpu = -1;
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	irq_pop();
}
