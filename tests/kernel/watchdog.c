/*
 * The watchdog of the test build. Time is what this CPU itself has seen pass, so that a machine
 * that its host stops for an hour is not said to hang.
 */
#include "hal/smp.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/cpu.h"
#include "kernel/debug.h"
#include "kernel/lib.h"
#include "kernel/spinlock.h"
#include "kernel/trap.h"
#include "kernel/x86.h"

static u64 limit_ms = 30000; /* boot option watchdog=, in seconds: TCG on a busy machine is slow */

static struct {
	u64 since, waited; /* ns */
	u64 ticks;
	u64 seen, silent; /* the next CPU's ticks, and for how many ns there were no more */
	u64 ticked;       /* ns */
} watch[MAX_CPUS];

static int stuck = -1; /* the CPU that is asked where it is, and its answer */
static u64 stuck_rip, stuck_rbp;

/* Panics with who waits for what, and who has it. */
static void
deadlock(struct spinlock *l, int owner)
{
	struct held_locks *ours = &this_cpu()->held, *h = &cpus[owner].held;
	char here[64], there[64];
	unsigned i = 0;

	while (i < h->n && h->lock[i] != l)
		i++;
	panic("deadlock: CPU %d waits at %s for lock %s, held by CPU %d, taken at %s",
		this_cpu()->id, debug_place(ours->at[ours->n - 1], here), l->name, owner,
		i < h->n ? debug_place(h->at[i], there) : "?");
}

void
debug_wait(struct spinlock *l)
{
	struct cpu *c = this_cpu();
	int owner = READ_ONCE(l->cpu);
	u64 now;

	if (c->held.spins++ % 4096)
		return;
	now = timer_ns();
	if (c->held.spins == 1)
		watch[c->id].waited = 0;
	else /* if the machine was stopped in between, that counts as one second */
		watch[c->id].waited += MIN(now - watch[c->id].since, 1000000000UL);
	watch[c->id].since = now;
	if (watch[c->id].waited >= limit_ms * 1000000 && owner >= 0)
		deadlock(l, owner);
}

/* Asks a silent CPU by NMI where it is, and panics. */
static void
silent(int cpu)
{
	char at[64];

	WRITE_ONCE(stuck, cpu);
	smp_stop_others();
	for (int ms = 0; ms < 1000 && !READ_ONCE(stuck_rip); ms++)
		timer_delay_us(1000);
	backtrace(stuck_rbp);
	panic("CPU %d has not ticked for %lu s: it is at %s", cpu, limit_ms / 1000,
		stuck_rip ? debug_place((void *)stuck_rip, at) : "a place it does not tell");
}

void
debug_tick(u64 now_ns)
{
	int me = this_cpu()->id, next = (me + 1) % ncpus;
	u64 ticks = READ_ONCE(watch[next].ticks);

	watch[me].ticks++;
	if (next == me || ticks != watch[me].seen)
		watch[me].silent = 0;
	else if ((watch[me].silent += MIN(now_ns - watch[me].ticked, 1000000000UL)) >
		 limit_ms * 1000000)
		silent(next);
	watch[me].ticked = now_ns;
	watch[me].seen = ticks;
}

void
debug_nmi(const struct trapframe *tf)
{
	int asked = READ_ONCE(stuck);

	if (asked < 0 || asked != this_cpu()->id) /* asked first: GS may not be ours yet */
		return;
	stuck_rbp = tf->rbp;
	WRITE_ONCE(stuck_rip, tf->rip);
	for (;;)
		asm volatile("cli; hlt");
}

static void
watchdog_init(void)
{
	limit_ms = 1000 * boot_number("watchdog", limit_ms / 1000);
}
INITCALL(INIT_BUS, watchdog_init);
