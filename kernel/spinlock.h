/* Spin locks. Interrupts are off on this CPU while one is held, so handlers may take them too. */
#pragma once

#include "lib/types.h"

struct cpu;

struct spinlock {
	u32 locked;
	int cpu; /* who holds it: for assertions */
	const char *name;
#ifdef DEBUG
	unsigned class; /* of all locks of this name; 0: not known yet */
#endif
};

#define SPINLOCK_INIT(text)             \
	{                               \
		.cpu = -1, .name = text \
	}

#ifdef DEBUG
/* What a CPU or a thread holds, in the order in which it was taken, and where. */
struct held_locks {
	unsigned n, spins; /* spins: while it waits for the last */
	struct spinlock *lock[16];
	void *at[16];
};
#endif

void spin_init(struct spinlock *l, const char *name);
void spin_lock(struct spinlock *l);
void spin_unlock(struct spinlock *l);

/* Interrupts off and on again, counted: only the outermost pop turns them on. */
struct cpu *irq_push_off(void); /* this CPU, which it stays on */
void irq_pop(void);
