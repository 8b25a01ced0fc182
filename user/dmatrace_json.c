/*
 * A trace as Chrome's trace JSON ("Trace Event Format"), which Perfetto opens. Processes: the host,
 * each VM, the devices, the IOMMU's domains. Slices begin and end in the order of time and nest on
 * their track; what may overlap (requests, mappings) gets a track for each that is under way.
 */
#include "user/dmatrace.h"

enum { HOST = 1, DEVICES, DOMAINS, VMS = 10 }; /* pids */
#define DEPTH 12
#define LANES 24

/* A track: what it is of, and what has begun on it. */
struct track {
	unsigned pid, lane;
	u64 key;
	u16 vm;
	unsigned depth;
	u8 what[DEPTH]; /* the events that began it */
};
static struct track tracks[1024];
static size_t ntracks;
static u64 last_ns;
static const char *comma = "";

/* Begins an entry of the kind; the caller goes on, and closes the brace. */
static void
entry(char kind, const struct track *t, u64 ns)
{
	out("%s{\"ph\":\"%c\",\"pid\":%u,\"tid\":%lu,\"ts\":%lu.%03lu", comma, kind, t->pid,
		t - tracks + 1, ns / 1000, ns % 1000);
	comma = ",\n";
}

static void
name_process(unsigned pid, const char *name)
{
	out("%s{\"ph\":\"M\",\"pid\":%u,\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":\"%"
	    "s\"}}",
		comma, pid, name);
	comma = ",\n";
}

/* The track of that key; made, with that name, if there is none. */
static struct track *track(unsigned pid, u16 vm, u64 key, unsigned lane, const char *format, ...)
	PRINTF(5, 6);
static struct track *
track(unsigned pid, u16 vm, u64 key, unsigned lane, const char *format, ...)
{
	struct track *t = tracks;
	char name[64];
	bool new_process = true;
	va_list args;

	for (; t < tracks + ntracks; t++) {
		if (t->pid == pid && t->vm == vm && t->key == key && t->lane == lane)
			return t;
		new_process &= t->pid != pid;
	}
	if (ntracks == NELEM(tracks))
		return NULL;
	ntracks++;
	*t = (struct track){.pid = pid, .vm = vm, .key = key, .lane = lane};
	if (new_process) {
		snprintf(name, sizeof(name), "VM %s", name_of("vm", pid - VMS));
		name_process(pid, pid == HOST      ? "host"
				  : pid == DEVICES ? "devices"
				  : pid == DOMAINS ? "IOMMU domains"
						   : name);
	}
	va_start(args, format);
	vsnprintf(name, sizeof(name), format, args);
	va_end(args);
	out("%s{\"ph\":\"M\",\"pid\":%u,\"tid\":%lu,\"name\":\"thread_name\",\"args\":{\"name\":\"%"
	    "s\"}}",
		comma, pid, t - tracks + 1, name);
	comma = ",\n";
	return t;
}

/* The event's arguments, and the end of the entry. */
static void
arguments(const struct event *e)
{
	char line[256];
	struct text t = TEXT_ON(line);

	if (e)
		put_fields(&t, e);
	out(",\"args\":{%s%s%s}}", e ? "\"fields\":\"" : "", e ? line : "", e ? "\"" : "");
}

static void
begin(struct track *t, const struct event *e, u8 what, const char *name)
{
	if (!t || t->depth == DEPTH)
		return;
	t->what[t->depth++] = what;
	entry('B', t, e->ns);
	out(",\"name\":\"%s\"", name);
	arguments(e);
}

/* Ends what `what` began, and all that began since and has lost its end; nothing if it did not. */
static void
end(struct track *t, u64 ns, u8 what)
{
	unsigned at = t ? t->depth : 0;

	while (at && t->what[at - 1] != what)
		at--;
	if (!at)
		return;
	for (; t->depth >= at; t->depth--) {
		entry('E', t, ns);
		out("}");
	}
}

static void
instant(struct track *t, const struct event *e)
{
	if (!t)
		return;
	entry('i', t, e->ns);
	out(",\"s\":\"t\",\"name\":\"%s\"", trace_types[e->what].name);
	arguments(e);
}

static void
counter(unsigned pid, u64 ns, const char *name, u64 value)
{
	struct track *t = track(pid, 0, ~0UL, 0, "counters");

	entry('C', t, ns);
	out(",\"name\":\"%s\",\"args\":{\"pages\":%lu}}", name, value);
}

/* An arrow's begin ('s'), a point on its way ('t'), or its end ('f'), on the slice that is there.
 */
static void
arrow(char kind, const struct track *t, u64 ns, size_t id)
{
	entry(kind, t, ns);
	out(",\"name\":\"I/O\",\"cat\":\"io\",\"id\":%lu%s}", id,
		kind == 'f' ? ",\"bp\":\"e\"" : "");
}

/* Which VM, and which of its CPUs, a thread of the host is. */
static struct {
	bool known;
	u16 vm;
	u32 cpu;
} vcpus[65536];

/* Where a thread's slices go. */
static struct track *
thread_track(const struct event *e)
{
	if (e->vm)
		return track(VMS + e->vm, 0, 1000 + e->pid, 0, "thread %u", e->pid);
	if (vcpus[e->pid].known)
		return track(VMS + vcpus[e->pid].vm, 0, vcpus[e->pid].cpu, 0, "vCPU %u",
			vcpus[e->pid].cpu);
	return track(HOST, 0, 1000 + e->pid, 0, "thread %u", e->pid);
}

static struct track *
cpu_track(const struct event *e)
{
	if (e->vm)
		return track(
			VMS + e->vm, 0, 100 + e->cpu, 0, "CPU %u, as the guest sees it", e->cpu);
	return track(HOST, 0, 100 + e->cpu, 0, "CPU %u", e->cpu);
}

/* A track of the device's, or the domain's, on which nothing is under way; NULL. */
static struct track *
free_lane(unsigned pid, u16 vm, u64 key, const char *name)
{
	for (unsigned lane = 0; lane < LANES; lane++) {
		struct track *t = lane ? track(pid, vm, key, lane, "%s (%u)", name, lane + 1)
				       : track(pid, vm, key, lane, "%s", name);
		if (!t || !t->depth)
			return t;
	}
	return NULL;
}

static void
device_event(const struct event *e, struct io *io)
{
	static struct {
		u16 vm, rid;
		u32 cmd;
		struct track *t;
	} under_way[256];
	char name[40];
	unsigned i = 0;

	snprintf(name, sizeof(name), "%s%s%02x:%02x.%u", e->vm ? name_of("vm", e->vm) : "",
		e->vm ? ": " : "", e->id >> 8, e->id >> 3 & 31, e->id & 7);
	for (; i < NELEM(under_way); i++)
		if (e->what == TRACE_nvme_setup_cmd ? !under_way[i].t
						    : under_way[i].t && under_way[i].vm == e->vm &&
							      under_way[i].rid == e->id &&
							      under_way[i].cmd == (e->n & 0xffffff))
			break;
	if (i == NELEM(under_way))
		return;
	if (e->what == TRACE_nvme_complete_rq) {
		end(under_way[i].t, e->ns, TRACE_nvme_setup_cmd);
		under_way[i].t = NULL;
		return;
	}
	under_way[i].vm = e->vm;
	under_way[i].rid = e->id;
	under_way[i].cmd = e->n & 0xffffff;
	if (!(under_way[i].t = free_lane(DEVICES, e->vm, e->id, name)))
		return;
	snprintf(name, sizeof(name), "%s",
		e->n >> 24 == 1   ? "write"
		: e->n >> 24 == 2 ? "read"
				  : "command");
	begin(under_way[i].t, e, TRACE_nvme_setup_cmd, name);
	if (io)
		arrow('t', under_way[i].t, e->ns, io - ios + 1);
}

/* A mapping that is in a table, or has just left it and waits for the sync. */
static struct live {
	bool used, stale;
	u16 vm, domain;
	u64 iova, pages;
	struct track *t;
} live[4096];
static size_t nlive; /* from here on none is used */
static u64 mapped_pages[16][1024];

static void
count_pages(const struct event *e, s64 pages)
{
	char name[40];
	u64 *n = &mapped_pages[e->vm & 15][e->id & 1023];

	*n += pages;
	snprintf(name, sizeof(name), "mapped pages, %s%sdomain %u",
		e->vm ? name_of("vm", e->vm) : "", e->vm ? ": " : "", e->id);
	counter(DOMAINS, e->ns, name, *n);
}

static void
domain_event(const struct event *e)
{
	char name[48];
	struct live *l = live;

	if (e->what == TRACE_map) {
		while (l < live + NELEM(live) && l->used)
			l++;
		if (l == live + NELEM(live))
			return;
		nlive = MAX(nlive, (size_t)(l - live + 1));
		snprintf(name, sizeof(name), "%s%sdomain %u", e->vm ? name_of("vm", e->vm) : "",
			e->vm ? ": " : "", e->id);
		*l = (struct live){true, false, e->vm, e->id, e->a, e->n,
			free_lane(DOMAINS, e->vm, e->id, name)};
		snprintf(name, sizeof(name), "iova 0x%lx, %u page%s", e->a, e->n,
			e->n == 1 ? "" : "s");
		begin(l->t, e, TRACE_map, name);
		count_pages(e, e->n);
		return;
	}
	for (; l < live + nlive; l++) {
		bool mine = l->used && l->vm == e->vm && l->domain == e->id;

		if (mine && e->what == TRACE_unmap && !l->stale && l->iova >= e->a &&
			l->iova < e->a + e->n * PAGE_SIZE) {
			l->stale = true;
			begin(l->t, e, TRACE_unmap, "unmapped, perhaps still cached");
			count_pages(e, -(s64)l->pages);
		}
		/* A guest's own table is the VMM's; that it forgets is in the VMM's trace. */
		if (mine && l->stale && (e->what == TRACE_iommu_sync_done || e->vm)) {
			end(l->t, e->ns, TRACE_map);
			l->used = false;
		}
	}
}

static void
pin_event(const struct event *e)
{
	static u64 pinned[16];
	u64 *n = &pinned[e->id & 15];

	/* What was pinned before the trace began is not counted. */
	if (e->what == TRACE_page_pin)
		*n += e->n == 1;
	else if (*n)
		*n -= e->n == 0;
	counter(VMS + e->id, e->ns, "pinned pages", *n);
}

/* From exit to entry, in words, on the virtual CPU's track; and in the guest. */
static void
vcpu_event(const struct event *e)
{
	char name[40];
	struct track *t;

	vcpus[e->pid].known = true;
	vcpus[e->pid].vm = e->id;
	vcpus[e->pid].cpu = e->n;
	t = thread_track(e);
	if (e->what == TRACE_kvm_entry) {
		end(t, e->ns, TRACE_kvm_exit);
		begin(t, e, TRACE_kvm_entry, "in the guest");
		return;
	}
	end(t, e->ns, TRACE_kvm_entry);
	snprintf(name, sizeof(name), "exit %s", name_of("kvm_exit", e->a));
	begin(t, e, TRACE_kvm_exit, name);
}

static void
slice_event(const struct event *e)
{
	bool on_cpu = trace_types[e->what].kind == TRACE_ENTER_CPU ||
		      (trace_types[e->what].kind == TRACE_LEAVE &&
			      trace_types[e->what - 1].kind == TRACE_ENTER_CPU);
	struct track *t = on_cpu ? cpu_track(e) : thread_track(e);
	char name[40];

	if (trace_types[e->what].kind == TRACE_LEAVE) {
		end(t, e->ns, e->what - 1);
		return;
	}
	if (e->what == TRACE_kvm_entry)
		snprintf(name, sizeof(name), "VM %s", name_of("vm", e->id));
	else if (e->what == TRACE_irq_handler_entry)
		snprintf(name, sizeof(name), "irq %.*s", 16, (const char *)&e->a);
	else if (e->what + 1 == TRACE_kvm_hypercall_done)
		snprintf(name, sizeof(name), "%s %s", trace_types[e->what].name,
			name_of(trace_types[e->what].name, e->n));
	else
		snprintf(name, sizeof(name), "%s", trace_types[e->what].name);
	begin(t, e, e->what, name);
}

/* The I/O of which this is an event of that kind; NULL. */
static struct io *
io_at(size_t i, size_t offset)
{
	for (struct io *io = ios; io < ios + nios; io++)
		if (io->at[UNMAP] && *(size_t *)((char *)io + offset) == i)
			return io;
	return NULL;
}

static void
one_event(size_t i)
{
	const struct event *e = &events[i];
	struct io *io;

	if (trace_types[e->what].kind != TRACE_POINT)
		slice_event(e);
	switch (e->what) {
	case TRACE_kvm_entry:
	case TRACE_kvm_exit:
		vcpu_event(e);
		break;
	case TRACE_kvm_hypercall:
		if ((io = io_at(i, offsetof(struct io, call))))
			arrow('t', thread_track(e), e->ns, io - ios + 1);
		break;
	case TRACE_dma_map_sg:
		if ((io = io_at(i, offsetof(struct io, map))))
			arrow('s', thread_track(e), e->ns, io - ios + 1);
		break;
	case TRACE_dma_unmap_sg:
		if ((io = io_at(i, offsetof(struct io, unmap))))
			arrow('f', thread_track(e), e->ns, io - ios + 1);
		break;
	case TRACE_map:
	case TRACE_unmap:
	case TRACE_iommu_sync_done:
		domain_event(e);
		break;
	case TRACE_page_pin:
	case TRACE_page_unpin:
		pin_event(e);
		break;
	case TRACE_nvme_setup_cmd:
		device_event(e, io_at(i, offsetof(struct io, submit)));
		break;
	case TRACE_nvme_complete_rq:
		device_event(e, NULL);
		break;
	default:
		if (trace_types[e->what].kind == TRACE_POINT)
			instant(thread_track(e), e);
	}
}

void
print_json(void)
{
	out("{\"displayTimeUnit\":\"ns\",\"otherData\":{\"overwritten\":%lu},\"traceEvents\":[\n",
		nlost);
	for (size_t i = 0; i < nevents; i++)
		one_event(i);
	last_ns = nevents ? events[nevents - 1].ns : 0;
	for (struct track *t = tracks; t < tracks + ntracks; t++)
		if (t->depth)
			end(t, last_ns, t->what[0]);
	out("\n]}\n");
}
