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

/* irq_push_off(), made part of spin_lock() as well: that is the kernel's most frequent call. */
static inline struct cpu *
push_off(void)
{
	u64 flags = read_flags();

	cli();
	struct cpu *c = this_cpu();
	if (c->irq_off++ == 0)
		c->irq_were_on = flags & FL_IF;
	return c;
}

struct cpu *
irq_push_off(void)
{
	return push_off();
}

void
irq_pop(void)
{
	struct cpu *c = this_cpu();

	ASSERT(c->irq_off > 0);
	if (--c->irq_off == 0 && c->irq_were_on)
		sti();
}

/* Spins until the lock is ours; the acquire orders all later accesses after it. */
void
spin_lock(struct spinlock *l)
{
	struct cpu *c = push_off();

	if (READ_ONCE(l->cpu) == c->id)
		panic("deadlock: CPU %d takes lock %s twice", l->cpu, l->name);
	debug_hold(&c->held, l, __builtin_return_address(0));
	while (__atomic_exchange_n(&l->locked, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(l->locked)) {
			pause();
			debug_wait(l);
		}
	l->cpu = c->id;
}

void
spin_unlock(struct spinlock *l)
{
	struct cpu *c = this_cpu();

	if (l->cpu != c->id)
		panic("lock %s released by CPU %d, which does not hold it", l->name, c->id);
	debug_release(&c->held, l);
	l->cpu = -1;
	__atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE);
	if (--c->irq_off == 0 && c->irq_were_on)
		sti();
}
