/*
 * The scheduler: who runs where, and sleeping until something happens.
 *
 * Each CPU has a run queue; one that has nothing to run takes from the others. A thread leaves
 * its CPU in three steps: it puts itself where others find it (a run queue, a list of sleepers,
 * the zombies), switches to the scheduler's stack, and there its `on_cpu` is cleared. Who finds it
 * earlier waits for that before it uses its stack.
 *
 * Locks, from the outside in: the caller's, timers, sleepers, a run queue.
 */
#include "kernel/cpu.h"
#include "kernel/debug.h"
#include "kernel/devfs.h"
#include "kernel/x86.h"
#include "hal/smp.h"
#include "hal/timer.h"

void switch_context(u64 *save_rsp, u64 new_rsp); /* entry.S */

static struct runq {
	struct spinlock lock;
	struct list list;
	unsigned length; /* read by others without the lock, as a hint */
} runq[MAX_CPUS];

/* Sleepers by what they sleep on. */
#define BUCKETS 64
static struct sleepers {
	struct spinlock lock;
	struct list list;
} sleepers[BUCKETS];

/*
 * Sleepers with a time limit, the earliest first, on the CPU where they went to sleep: its clock is
 * armed for the first of them, and, as long as it runs threads, for the end of a time slice. So a
 * CPU with nothing to do has no tick.
 */
static struct timers {
	struct spinlock lock;
	struct list list;
	u64 armed; /* ns; its CPU's own */
} timers[MAX_CPUS];
#define NEVER (~0UL)

void
sched_init(void)
{
	for (int i = 0; i < MAX_CPUS; i++) {
		spin_init(&runq[i].lock, "run queue");
		list_init(&runq[i].list);
		spin_init(&timers[i].lock, "timers");
		list_init(&timers[i].list);
		timers[i].armed = NEVER;
	}
	for (int i = 0; i < BUCKETS; i++) {
		spin_init(&sleepers[i].lock, "sleepers");
		list_init(&sleepers[i].list);
	}
}

struct proc *
current(void)
{
	struct proc *p;

	asm volatile("mov %%gs:%c1, %0" : "=r"(p) : "i"(offsetof(struct cpu, proc)));
	return p;
}

/* Puts p, which is in no list, at the end of a run queue. */
static void
enqueue(struct runq *q, struct proc *p)
{
	spin_lock(&q->lock);
	p->state = PROC_RUNNABLE;
	list_add_tail(&q->list, &p->queue);
	q->length++;
	spin_unlock(&q->lock);
}

/* A CPU that is idle; `self` if there is none. */
static struct cpu *
idle_cpu(struct cpu *self)
{
	for_each_cpu (c)
		if (c->idle)
			self = c;
	return self;
}

/*
 * A CPU that goes idle first says so and then looks at the queues once more; we first add to a
 * queue and then look for the idle. So one of the two sees the other, and no thread waits beside
 * an idle CPU.
 */
void
sched_add(struct proc *p)
{
	struct cpu *self = irq_push_off(), *to = &cpus[p->cpu];

	if (self->idle || !to->idle) /* where its data is cached, if that CPU has time */
		to = self;
	enqueue(&runq[to->id], p);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (to == self && !self->idle) /* somebody may steal it from us */
		to = idle_cpu(self);
	if (to != self && to->idle)
		smp_kick(to->id);
	irq_pop();
}

/* The first of a queue, or NULL. */
static struct proc *
dequeue(struct runq *q)
{
	struct proc *p = NULL;

	if (!READ_ONCE(q->length))
		return NULL;
	spin_lock(&q->lock);
	if (q->length) {
		p = list_entry(q->list.next, struct proc, queue);
		list_remove(&p->queue);
		q->length--;
	}
	spin_unlock(&q->lock);
	return p;
}

/*
 * The next thread for this CPU: its own first; from the others if it has none, or now and then if
 * one of them has more to do, so that all threads get about the same.
 */
static struct proc *
pick(struct cpu *c)
{
	struct runq *own = &runq[c->id], *from = own;
	struct proc *p;

	if (c->switches % 16 == 0 || !READ_ONCE(own->length))
		for (int i = 0; i < ncpus; i++)
			if (READ_ONCE(runq[i].length) > READ_ONCE(from->length) + (own->length > 0))
				from = &runq[i];
	p = dequeue(from);
	c->switches += p != NULL;
	c->stolen += p && from != own;
	return p;
}

/* Has the clock interrupt at `when`, unless it does so earlier. Interrupts are off. */
static void
arm(struct timers *t, u64 when)
{
	if (when >= t->armed)
		return;
	t->armed = when;
	timer_arm(when);
}

/* Runs p until it leaves the CPU. */
static void
run(struct cpu *c, struct proc *p)
{
	sched_wait_off(p); /* it may be just leaving another CPU */
	p->on_cpu = true;
	p->cpu = c->id;
	p->state = PROC_RUNNING;
	if (*(u64 *)p->stack != STACK_MARK)
		panic("%s (pid %d) has overrun its kernel stack", p->name, p->pid);
	c->proc = p;
	c->resched = false;
	if (!c->ticking) {
		c->ticking = true;
		arm(&timers[c->id], timer_ns() + TICK_NS);
	}
	c->kernel_rsp = c->tss.rsp[0] = (u64)p->stack + (PAGE_SIZE << KERNEL_STACK_ORDER);
	if (p->as.pt.root)
		aspace_load(&p->as);
	switch_context(&c->scheduler_rsp, p->rsp);
	c->proc = NULL;
	/* Its tables may be freed by another CPU as soon as it is off this one: leave them now. */
	if (p->as.pt.root)
		mem_load_kernel();
	bool dead = p->state == PROC_ZOMBIE && p->fn; /* nobody waits for a kernel thread */
	__atomic_store_n(&p->on_cpu, false, __ATOMIC_RELEASE);
	if (dead)
		proc_free(p);
}

/* Halts until an interrupt, unless there is something to run. Interrupts are off. */
static void
idle(struct cpu *c)
{
	WRITE_ONCE(c->idle, true);
	/* What waits to interrupt does so here: in a guest that is an exit less than out of HLT. */
	asm volatile("sti; nop; cli" ::: "memory");
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* see sched_add() */
	for (int i = 0; i < ncpus; i++)
		if (READ_ONCE(runq[i].length))
			goto out;
	c->idle_since = rdtsc();
	asm volatile("sti; hlt; cli" ::: "memory"); /* STI takes effect behind HLT */
	sched_count_idle();
out:
	WRITE_ONCE(c->idle, false);
}

void
sched_count_idle(void)
{
	struct cpu *c = this_cpu();

	if (c->idle_since)
		c->idle_ticks += rdtsc() - c->idle_since;
	c->idle_since = 0;
}

void
scheduler(void)
{
	struct cpu *c = this_cpu();

	irq_push_off(); /* for good: a thread has its own state of interrupts */
	arm(&timers[c->id], timer_ns() + TICK_NS);
	for (;;) {
		struct proc *p = pick(c);

		if (p)
			run(c, p);
		else
			idle(c);
	}
}

void
sched_leave(void)
{
	struct cpu *c = this_cpu();
	struct proc *p = c->proc;
	bool were_on = c->irq_were_on;

	ASSERT(c->irq_off == 1); /* whoever switches holds no spin lock */
	switch_context(&p->rsp, c->scheduler_rsp);
	this_cpu()->irq_were_on = were_on; /* perhaps another CPU: the flag is this thread's */
}

void
sched_wait_off(const struct proc *p)
{
	while (__atomic_load_n(&p->on_cpu, __ATOMIC_ACQUIRE))
		pause();
}

void
proc_yield(void)
{
	struct cpu *c = irq_push_off();

	enqueue(&runq[c->id], current());
	sched_leave();
	irq_pop();
}

static struct sleepers *
sleepers_of(const void *chan)
{
	return &sleepers[(u64)chan / 32 % BUCKETS];
}

/* Takes p out of its list of sleepers, whose lock is held, and lets it run. */
static void
wake(struct proc *p)
{
	list_remove(&p->queue);
	sched_add(p);
}

/* Wakes p if it sleeps. If it is only about to, it sees the caller's reason before it does. */
static void
wake_one(struct proc *p)
{
	void *chan;
	bool here;

	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the reason first; as in proc_sleep_until() */
	do {
		struct sleepers *s = sleepers_of(chan = READ_ONCE(p->chan));

		spin_lock(&s->lock);
		/* In this order: its state is SLEEPING only after chan has been set. */
		bool asleep = READ_ONCE(p->state) == PROC_SLEEPING;
		here = READ_ONCE(p->chan) == chan;
		if (asleep && here)
			wake(p);
		spin_unlock(&s->lock);
	} while (!here);
}

void
wakeup(void *chan)
{
	struct sleepers *s = sleepers_of(chan);

	/* Whoever sleeps for what the caller has changed was in the list before: it held `lk`. */
	if (list_empty(&s->list))
		return;
	spin_lock(&s->lock);
	list_for_each (it, &s->list) {
		struct proc *p = list_entry(it, struct proc, queue);
		if (p->chan == chan)
			wake(p);
	}
	spin_unlock(&s->lock);
}

/* Puts the caller among this CPU's timers, by time. */
static void
timer_add(struct proc *p, u64 deadline_ns)
{
	struct timers *t = &timers[irq_push_off()->id];
	struct list *at;

	spin_lock(&t->lock);
	p->timers = t;
	p->timed_out = false;
	p->wake_at = deadline_ns;
	for (at = t->list.next; at != &t->list; at = at->next)
		if (list_entry(at, struct proc, timer)->wake_at > deadline_ns)
			break;
	list_add_tail(at, &p->timer); /* before `at` */
	spin_unlock(&t->lock);
	arm(t, deadline_ns);
	irq_pop();
}

/* Ends the caller's time limit; true if it was reached. */
static bool
timer_remove(struct proc *p)
{
	spin_lock(&p->timers->lock);
	if (!p->timed_out)
		list_remove(&p->timer);
	spin_unlock(&p->timers->lock);
	return p->timed_out;
}

bool
proc_sleep_until(void *chan, struct spinlock *lk, u64 deadline_ns)
{
	struct proc *p = current();
	struct sleepers *s = sleepers_of(chan);

	WRITE_ONCE(p->chan, chan);
	if (deadline_ns)
		timer_add(p, deadline_ns);
	irq_push_off();
	spin_lock(&s->lock);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Killed after the caller looked: it gets to look again, once. */
	bool look = p->killed && !p->kill_seen;
	bool sleep = !look && !(deadline_ns && READ_ONCE(p->timed_out));
	p->kill_seen |= look;
	if (sleep) {
		p->state = PROC_SLEEPING;
		list_add_tail(&s->list, &p->queue);
	}
	spin_unlock(&s->lock);
	spin_unlock(lk);
	if (sleep)
		sched_leave();
	irq_pop();
	WRITE_ONCE(p->chan, NULL);
	bool late = deadline_ns && timer_remove(p);
	spin_lock(lk);
	return !late;
}

void
proc_sleep(void *chan, struct spinlock *lk)
{
	proc_sleep_until(chan, lk, 0);
}

void
sched_kill(struct proc *p)
{
	WRITE_ONCE(p->killed, true);
	wake_one(p);
}

void
sched_tick(u64 now_ns)
{
	struct cpu *c = this_cpu();
	struct timers *t = &timers[c->id];
	u64 next = NEVER;

	if (c->proc && runq[c->id].length && idle_cpu(c) != c)
		smp_kick(idle_cpu(c)->id); /* two threads may have been meant for one idle CPU */
	spin_lock(&t->lock);
	while (!list_empty(&t->list)) {
		struct proc *p = list_entry(t->list.next, struct proc, timer);
		if ((next = p->wake_at) > now_ns)
			break;
		next = NEVER;
		list_remove(&p->timer);
		p->timed_out = true;
		wake_one(p); /* it cannot end meanwhile: timer_remove() waits for us */
	}
	spin_unlock(&t->lock);
	t->armed = NEVER; /* it has just gone off */
	c->ticking = c->proc;
	if (c->ticking)
		next = MIN(next, timer_ns() + TICK_NS);
	arm(t, MIN(next, DEBUG_IDLE(now_ns)));
	c->resched = c->proc && runq[c->id].length;
}

void
sleep_ms(u64 ms)
{
	static struct spinlock lk = SPINLOCK_INIT("sleep");
	u64 deadline = timer_ns() + ms * 1000000;

	spin_lock(&lk);
	while (!current()->killed && timer_ns() < deadline)
		proc_sleep_until(&deadline, &lk, deadline);
	spin_unlock(&lk);
}

void
mutex_init(struct mutex *m, const char *name)
{
	spin_init(&m->lk, name);
	m->owner = NULL;
	m->waiters = 0;
}

/* Takes the mutex if nobody has it. */
static bool
mutex_try(struct mutex *m)
{
	struct proc *nobody = NULL;

	return __atomic_compare_exchange_n(
		&m->owner, &nobody, current(), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/*
 * The spin lock is only for those who have to wait. Who waits counts itself, then tries; who
 * releases gives up the mutex, then looks at the count: one of them sees what the other did.
 */
static NOINLINE void
mutex_wait(struct mutex *m)
{
	ASSERT(m->owner != current());
	spin_lock(&m->lk);
	__atomic_add_fetch(&m->waiters, 1, __ATOMIC_SEQ_CST);
	while (!mutex_try(m))
		proc_sleep(m, &m->lk);
	__atomic_sub_fetch(&m->waiters, 1, __ATOMIC_RELAXED);
	spin_unlock(&m->lk);
}

void
mutex_lock(struct mutex *m)
{
	debug_hold(&current()->held, &m->lk, __builtin_return_address(0));
	if (!mutex_try(m))
		mutex_wait(m);
}

static NOINLINE void
mutex_wake(struct mutex *m)
{
	spin_lock(&m->lk);
	wakeup(m);
	spin_unlock(&m->lk);
}

void
mutex_unlock(struct mutex *m)
{
	ASSERT(m->owner == current());
	debug_release(&current()->held, &m->lk);
	__atomic_store_n(&m->owner, NULL, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&m->waiters, __ATOMIC_SEQ_CST))
		mutex_wake(m);
}

static void
show_cpus(struct text *t)
{
	text_printf(t, "CPU\tIDLE (TSC)\tSWITCHES\tSTOLEN\n");
	for_each_cpu (c)
		text_printf(t, "%d\t%-15lu\t%lu\t\t%lu\n", c->id, c->idle_ticks, c->switches,
			c->stolen);
}
PROC_FILE("cpus", show_cpus);
