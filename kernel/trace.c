/*
 * The trace rings, one for each CPU: its writer takes no lock, it only keeps interrupts out. Nobody
 * waits for a reader: what he has not read in time is overwritten, and counted.
 *
 * /dev/trace: a write turns on the events whose names begin with one of its words ("all": all; ""
 * or "off": none), a read takes records in chunks (lib/trace.h): -EAGAIN while there are none, 0 if
 * there will be none. One reader at a time. Boot option trace=WORD,WORD: on from the start.
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
static u64 tail[MAX_CPUS], lost[MAX_CPUS]; /* reader_lock held */
static struct mutex reader_lock;

static const struct {
	const char *name, *kind, *format, *text;
} events[] = {
#define X(name, kind, format, text) {#name, #kind, format, text},
	TRACE_EVENTS(X)
#undef X
};

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

/* Whether one of the words, with commas or blanks between them, says that event i is wanted. */
static bool
wanted(const char *words, unsigned i)
{
	for (size_t n; *words; words += n + !!words[n]) {
		for (n = 0; words[n] && !strchr(", \n", words[n]); n++)
			;
		if (n && (strncmp(words, "all", n) == 0 || strncmp(words, events[i].name, n) == 0))
			return true;
	}
	return false;
}

/* Turns on what the words name, and all else off. -ENOMEM, -ENOENT: none is of that name. */
static int
turn_on(const char *words)
{
	bool on[TRACE_NEVENTS], any = false, off = !*words || strcmp(words, "off") == 0;

	for (unsigned i = 0; i < TRACE_NEVENTS; i++)
		any |= on[i] = !off && wanted(words, i);
	if (!any && !off)
		return -ENOENT;
	for (unsigned i = 0; i + 1 < TRACE_NEVENTS; i++)
		if (strcmp(events[i + 1].kind, "LEAVE") == 0)
			on[i] = on[i + 1] = on[i] || on[i + 1];
	for_each_cpu (c) {
		struct trace_ring *r = &trace_ring[c->id];
		void *records = any && !r->records
					? kmalloc(TRACE_RECORDS * sizeof(struct trace_record))
					: NULL;
		if (any && !r->records && !records)
			return -ENOMEM;
		if (records)
			__atomic_store_n(&r->records, virt_to_phys(records), __ATOMIC_RELEASE);
	}
	memcpy(trace_on, on, sizeof(on));
	return 0;
}

static s64
trace_write(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	char words[256];
	int err;

	if (n >= sizeof(words))
		return -E2BIG;
	if (copy_in(words, user_buf, n))
		return -EFAULT;
	words[n] = 0;
	mutex_lock(&reader_lock);
	err = turn_on(words);
	mutex_unlock(&reader_lock);
	return err ? err : (s64)n;
}

u64
trace_skip(u64 *tail, u64 head)
{
	/* The writer may be at the oldest right now. */
	u64 first = head < TRACE_RECORDS ? 0 : head + 1 - TRACE_RECORDS;
	u64 n = first > *tail ? first - *tail : 0;

	*tail += n;
	return n;
}

/* Takes a chunk out of a CPU's ring; 0 bytes if there is nothing. reader_lock held. */
static s64
take_chunk(int cpu, u64 user_buf, size_t room)
{
	static struct trace_record chunk[128];
	struct trace_ring *r = &trace_ring[cpu];
	const struct trace_record *from = phys_to_virt(r->records);
	u64 head = __atomic_load_n(&r->head, __ATOMIC_ACQUIRE), first, late;
	struct trace_record *rec = chunk + 1;

	if (tail[cpu] == head || room < sizeof(chunk))
		return 0;
	lost[cpu] += late = trace_skip(&tail[cpu], head);
	chunk[0] = (struct trace_record){.event = TRACE_CHUNK, .cpu = cpu, .b = late};
	chunk[0].n = MIN(head - tail[cpu], NELEM(chunk) - 1);
	for (first = tail[cpu]; tail[cpu] < first + chunk[0].n; tail[cpu]++)
		*rec++ = from[tail[cpu] % TRACE_RECORDS];
	/* What has been written over meanwhile is not what it was. */
	late = MIN(trace_skip(&first, __atomic_load_n(&r->head, __ATOMIC_ACQUIRE)), chunk[0].n);
	memmove(chunk + 1, chunk + 1 + late, (chunk[0].n -= late) * sizeof(*rec));
	lost[cpu] += late;
	chunk[0].b += late;
	chunk[0].a = rdtsc();
	room = (1 + chunk[0].n) * sizeof(*rec);
	return copy_out(user_buf, chunk, room) ? -EFAULT : (s64)room;
}

static s64
trace_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	s64 done = 0, got = 0;
	bool on = false;

	mutex_lock(&reader_lock);
	for (unsigned i = 0; i < TRACE_NEVENTS; i++)
		on |= trace_on[i];
	for (int cpu = 0; cpu < ncpus && got >= 0; done += MAX(got, 0), cpu += !got)
		got = take_chunk(cpu, user_buf + done, n - done);
	mutex_unlock(&reader_lock);
	return got < 0 ? got : !done && on ? -EAGAIN : done;
}

static void
show_trace(struct text *t)
{
	text_printf(t, "tsc %u kHz, %u records a CPU, lost", timer_tsc_khz(), TRACE_RECORDS);
	for_each_cpu (c)
		text_printf(t, " %lu", lost[c->id]);
	text_printf(t, "\n%-24s %-3s %-10s %-42s %s\n", "EVENT", "ON", "KIND", "FORMAT", "WHAT");
	for (unsigned i = 0; i < TRACE_NEVENTS; i++)
		text_printf(t, "%-24s %-3s %-10s %-42s %s\n", events[i].name,
			trace_on[i] ? "on" : "-", events[i].kind, events[i].format, events[i].text);
}
PROC_FILE("trace", show_trace);

static void
trace_init(void)
{
	static const struct devops ops = {.read = trace_read, .write = trace_write};
	char words[128];

	mutex_init(&reader_lock, "trace");
	dev_add("/dev/trace", &ops, NULL);
	if (boot_option("trace", words, sizeof(words)) && turn_on(words))
		pr_err("trace=%s: no such event, or no memory", words);
}
INITCALL(INIT_BUS, trace_init);
