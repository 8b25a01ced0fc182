/*
 * The trace rings, one for each CPU: its writer takes no lock, it only keeps interrupts out. Nobody
 * waits for a reader, who finds the rings in memory: /proc/trace says where, and how much was
 * written, so that he knows what he has missed.
 *
 * /dev/trace: a write turns on what its words name (trace_named()), and all else off. Boot option
 * trace=WORD,WORD: on from the start.
 */
#include "kernel/trace.h"
#include "hal/timer.h"
#include "kernel/bootinfo.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/x86.h"

bool trace_on[TRACE_NEVENTS];
struct trace_ring trace_ring[MAX_CPUS] __attribute__((aligned(PAGE_SIZE)));

void
trace_record(enum trace_event event, u16 id, u32 n, u64 a, u64 b)
{
	struct cpu *c = irq_push_off();
	struct trace_ring *r = &trace_ring[c->id];
	struct trace_record *to = phys_to_virt(r->records);

	if (r->records) {
		to[r->head % TRACE_RECORDS] = (struct trace_record){
			rdtsc(), c->proc ? c->proc->pid : 0, event, c->id, id, n, a, b};
		__atomic_store_n(&r->head, r->head + 1, __ATOMIC_RELEASE);
	}
	irq_pop();
}

/* Turns on what word 0 names; -ENOENT: one of them nothing. -ENOMEM. */
static int
turn_on(void *unused, unsigned n, char *word[], struct text *t)
{
	bool on[TRACE_NEVENTS];

	if (!trace_named(n ? word[0] : "off", on))
		return -ENOENT;
	for_each_cpu (c) {
		struct trace_ring *r = &trace_ring[c->id];
		void *records = r->records ? NULL
					   : kmalloc(TRACE_RECORDS * sizeof(struct trace_record));
		if (records)
			r->records = virt_to_phys(records);
		if (!r->records)
			return -ENOMEM;
	}
	memcpy(trace_on, on, sizeof(on));
	return 0;
}

static void
show_trace(struct text *t)
{
	text_printf(
		t, "tsc %u kHz\nring 0x%lx %d\n", timer_tsc_khz(), virt_to_phys(trace_ring), ncpus);
	trace_list(t, trace_on);
}
PROC_FILE("trace", show_trace);

static void
trace_init(void)
{
	static struct cmdfile file;
	char words[128], *word = words;

	cmdfile_add(&file, "/dev/trace", turn_on, NULL);
	if (boot_option("trace", words, sizeof(words)) && turn_on(NULL, 1, &word, NULL))
		pr_err("trace=%s: no such event, or no memory", words);
}
INITCALL(INIT_BUS, trace_init);
