/* Of a trace: which events belong to one I/O, and how long its stages take. */
#include "user/dmatrace.h"

struct io *ios;
size_t nios;

/* The last I/O of that machine, up to which stage it has come, that fits; NULL. */
static struct io *
find(u16 vm, u16 rid, int stage, u64 iova, u32 cmd)
{
	for (size_t i = nios; i > 0 && i + 256 > nios; i--) {
		struct io *io = &ios[i - 1];

		if (io->vm == vm && io->rid == rid && io->at[stage] && !io->at[stage + 1] &&
			(stage == SUBMIT ? io->cmd == cmd : io->iova == iova))
			return io;
	}
	return NULL;
}

/* What one event says of an I/O; `open` is the one that its thread is mapping, or unmapping. */
static void
follow(size_t i, struct io *open)
{
	const struct event *e = &events[i];
	u64 now = e->ns + 1; /* 0 is: not seen */
	struct io *io = NULL;

	switch (e->what) {
	case TRACE_dma_map_sg:
		*open = (struct io){
			.vm = e->vm, .rid = e->id, .va = e->a, .len = e->b, .dir = e->n};
		open->at[MAP] = now;
		open->map = i;
		break;
	case TRACE_dma_map_done:
		if (!open->at[MAP] || open->rid != e->id || e->n)
			break;
		open->iova = e->a;
		open->at[MAPPED] = now;
		for (size_t k = open->map; k < i && !open->call; k++)
			if (events[k].what == TRACE_kvm_hypercall && events[k].id == e->vm &&
				events[k].b == e->a)
				open->call = k;
		ios[nios++] = *open;
		*open = (struct io){0};
		break;
	case TRACE_nvme_setup_cmd:
		if ((io = find(e->vm, e->id, MAPPED, e->a, 0))) {
			io->at[SUBMIT] = now;
			io->submit = i;
			io->cmd = e->n & 0xffffff;
		}
		break;
	case TRACE_nvme_complete_rq:
		if ((io = find(e->vm, e->id, SUBMIT, 0, e->n & 0xffffff))) {
			io->at[COMPLETE] = now;
			io->complete = i;
		}
		break;
	case TRACE_dma_unmap_sg:
		if ((io = find(e->vm, e->id, COMPLETE, e->a, 0))) {
			io->at[UNMAP] = now;
			io->unmap = i;
			*open = *io;
		}
		break;
	case TRACE_dma_unmap_done:
		if (open->at[UNMAP] && (io = find(e->vm, e->id, UNMAP, open->iova, 0)))
			io->at[UNMAPPED] = now;
		*open = (struct io){0};
		break;
	}
}

void
find_ios(void)
{
	static struct io *open[65536]; /* what a thread is about to map, by machine and thread */

	ios = alloc((nevents / 2 + 1) * sizeof(*ios));
	for (size_t i = 0; i < nevents; i++) {
		struct io **o = &open[(events[i].vm * 4099u + events[i].pid) % NELEM(open)];

		if (events[i].what < TRACE_dma_map_sg || events[i].what > TRACE_nvme_complete_rq)
			continue;
		if (!*o) {
			*o = alloc(sizeof(**o));
			memset(*o, 0, sizeof(**o));
		}
		follow(i, *o);
	}
}

/* A row of durations, in ns. */
struct row {
	char name[48];
	u64 *ns;
	size_t n, room;
};
static struct row rows[128];
static size_t nrows;

static void
add(const char *kind, const char *name, u64 ns)
{
	char full[sizeof(rows[0].name)];
	struct row *r = rows;

	snprintf(full, sizeof(full), "%s%s%s", kind, *kind && *name ? " " : "", name);
	while (r < rows + nrows && strcmp(r->name, full) != 0)
		r++;
	if (r == rows + NELEM(rows))
		return;
	if (r == rows + nrows) {
		nrows++;
		strlcpy(r->name, full, sizeof(r->name));
	}
	if (r->n == r->room && !(r->ns = realloc(r->ns, (r->room += 1024) * sizeof(u64))))
		die("out of memory");
	r->ns[r->n++] = ns;
}

/* Heap sort: the least first. */
static void
sort(u64 *v, size_t n)
{
	for (size_t end = n, begin = n / 2; end > 1;) {
		size_t at, child;
		u64 x;

		if (begin) {
			x = v[--begin];
		} else {
			x = v[--end];
			v[end] = v[0];
		}
		for (at = begin; (child = 2 * at + 1) < end; at = child) {
			child += child + 1 < end && v[child + 1] > v[child];
			if (v[child] <= x)
				break;
			v[at] = v[child];
		}
		v[at] = x;
	}
}

static void
print_rows(const char *title)
{
	out("\n%-40s %8s %10s %10s %10s %10s %10s\n", title, "COUNT", "MIN us", "P50", "P90", "P99",
		"MAX");
	for (struct row *r = rows; r < rows + nrows; r++) {
		sort(r->ns, r->n);
		u64 v[] = {0, r->n / 2, r->n * 90 / 100, r->n * 99 / 100, r->n - 1};

		out("%-40s %8lu", r->name, r->n);
		for (unsigned i = 0; i < NELEM(v); i++)
			out(" %6lu.%03lu", r->ns[v[i]] / 1000, r->ns[v[i]] % 1000);
		out("\n");
		free(r->ns);
	}
	memset(rows, 0, sizeof(rows));
	nrows = 0;
}

static const char *
machine(u16 vm)
{
	return vm ? name_of("vm", vm) : "host";
}

/* How long what began has taken, for each pair of events. */
static void
pairs(void)
{
	for (size_t i = 0; i < nevents; i++) {
		const struct event *e = &events[i], *f = e + 1;

		if (trace_types[e->what].kind != TRACE_ENTER &&
			trace_types[e->what].kind != TRACE_ENTER_CPU)
			continue;
		for (; f < events + nevents; f++)
			if (f->vm == e->vm && f->what == e->what + 1 &&
				(trace_types[e->what].kind == TRACE_ENTER ? f->pid == e->pid
									  : f->cpu == e->cpu))
				break;
		if (f < events + nevents) {
			char name[40];
			bool named = e->what + 1 ==
				     TRACE_kvm_hypercall_done; /* a row for each call */

			snprintf(name, sizeof(name), "%s %s", trace_types[e->what].name,
				named ? name_of(trace_types[e->what].name, e->n) : "");
			add(machine(e->vm), name, f->ns - e->ns);
		}
	}
	print_rows("TOOK");
}

/* Why guests were left, and how long it was until they went on. */
static void
exits(void)
{
	for (size_t i = 0; i < nevents; i++) {
		const struct event *e = &events[i], *f = e + 1;

		if (e->what != TRACE_kvm_exit)
			continue;
		while (f < events + nevents && (f->what != TRACE_kvm_entry || f->pid != e->pid))
			f++;
		if (f < events + nevents)
			add(name_of("vm", e->id), name_of("kvm_exit", e->a), f->ns - e->ns);
	}
	print_rows("EXIT, UNTIL THE NEXT ENTRY");
}

void
print_summary(void)
{
	static const char *const stage[] = {"1 map", "2 mapped, until told to the device",
		"3 device", "4 until its driver unmaps", "5 unmap"};
	u32 count[TRACE_NEVENTS] = {0};

	for (size_t i = 0; i < nevents; i++)
		count[events[i].what]++;
	out("%-40s %8s\n", "EVENT", "COUNT");
	for (unsigned i = 0; i < TRACE_NEVENTS; i++)
		if (count[i])
			out("%-40s %8u\n", trace_types[i].name, count[i]);
	out("%-40s %8lu\n", "overwritten before they were read", nlost);
	for (size_t i = 0; i < nios; i++) {
		char who[32];

		snprintf(who, sizeof(who), "%s %02x:%02x.%u", machine(ios[i].vm), ios[i].rid >> 8,
			ios[i].rid >> 3 & 31, ios[i].rid & 7);
		if (!ios[i].at[UNMAPPED])
			continue;
		for (unsigned k = 0; k < NELEM(stage); k++)
			add(who, stage[k], ios[i].at[k + 1] - ios[i].at[k]);
		add(who, "  all", ios[i].at[UNMAPPED] - ios[i].at[MAP]);
	}
	print_rows("STAGE OF AN I/O");
	exits();
	pairs();
}
