/*
 * The order of locks, checked in the test build. Locks of the same name are one class. after[a] has
 * bit b if b was ever taken while a was held, or so by way of others: taking a while b is held
 * would then close a circle.
 */
#include "kernel/cpu.h"
#include "kernel/debug.h"
#include "kernel/lib.h"
#include "kernel/spinlock.h"
#include "kernel/trap.h"
#include "kernel/x86.h"

#define MAX_CLASS 64
static struct {
	u32 locked; /* not a spin lock: those come here */
	unsigned n;
	const char *name[MAX_CLASS];
	u64 after[MAX_CLASS];
	struct {
		void *held, *taken; /* where, the first time; NULL: only by way of others */
	} at[MAX_CLASS][MAX_CLASS];
} order = {.n = 1};

static void
order_lock(void)
{
	irq_push_off();
	while (__atomic_exchange_n(&order.locked, 1, __ATOMIC_ACQUIRE))
		pause();
}

static void
order_unlock(void)
{
	__atomic_store_n(&order.locked, 0, __ATOMIC_RELEASE);
	irq_pop();
}

const char *
debug_place(void *at, char buf[64])
{
	u64 offset = 0;
	const char *name = symbol_of((u64)at, &offset);

	snprintf(buf, 64, "%s+0x%lx", name ? name : "?", offset);
	return buf;
}

/* Panics: b, to be taken at `taken`, comes before a, which is held; and how that was seen. */
static void
wrong_order(unsigned a, unsigned b, void *held, void *taken)
{
	char one[64], two[64];

	panic_enter(); /* no locks any more: it may be the console's that is held */
	for (unsigned c = b, next; c != a; c = next) {
		for (next = 1; next < order.n; next++)
			if (order.at[c][next].taken && (next == a || order.after[next] & BIT(a)))
				break;
		pr_err("seen before: %s taken at %s while %s was held, taken at %s",
			order.name[next], debug_place(order.at[c][next].taken, one), order.name[c],
			debug_place(order.at[c][next].held, two));
	}
	panic("lock order: %s taken at %s while %s is held, taken at %s", order.name[b],
		debug_place(taken, one), order.name[a], debug_place(held, two));
}

/* Notes that class b is taken at `taken` while a, taken at `held`, is held. */
static void
add_order(unsigned a, unsigned b, void *held, void *taken)
{
	if (order.at[a][b].taken)
		return;
	order_lock();
	if (a == b || order.after[b] & BIT(a))
		wrong_order(a, b, held, taken);
	order.at[a][b].held = held;
	order.at[a][b].taken = taken;
	for (unsigned i = 1; i < order.n; i++)
		if (i == a || order.after[i] & BIT(a))
			order.after[i] |= order.after[b] | BIT(b);
	order_unlock();
}

static unsigned
class_of(struct spinlock *l)
{
	unsigned c = 1;

	if (l->class)
		return l->class;
	order_lock();
	while (c < order.n && strcmp(order.name[c], l->name) != 0)
		c++;
	if (c == MAX_CLASS)
		panic("more than %d classes of locks", MAX_CLASS);
	if (c == order.n)
		order.name[order.n++] = l->name;
	l->class = c;
	order_unlock();
	return c;
}

void
debug_hold(struct held_locks *h, struct spinlock *l, void *at)
{
	unsigned class = class_of(l);
	bool spin = h == &this_cpu()->held;

	if (!spin && !(read_flags() & FL_IF))
		panic("mutex %s taken with interrupts off", l->name);
	/* Two mutexes of one class may be nested, as a directory's and its file's inode are. */
	for (unsigned i = 0; i < h->n; i++)
		if (spin || h->lock[i]->class != class)
			add_order(h->lock[i]->class, class, h->at[i], at);
	if (h->n == NELEM(h->lock))
		panic("more than %zu locks held, and now %s", NELEM(h->lock), l->name);
	h->lock[h->n] = l;
	h->at[h->n++] = at;
	h->spins = 0;
}

void
debug_release(struct held_locks *h, struct spinlock *l)
{
	unsigned i = h->n;

	while (i-- > 0 && h->lock[i] != l)
		;
	for (h->n--; i < h->n; i++) {
		h->lock[i] = h->lock[i + 1];
		h->at[i] = h->at[i + 1];
	}
}
