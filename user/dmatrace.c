/*
 * dmatrace: records what lib/trace.h lists, of this machine and of the guests that offer their
 * trace (vmctl create -a trace=all), and shows it: as lines in the form of Linux's ftrace, as a
 * summary, or as JSON that Perfetto opens.
 */
#include "user/dmatrace.h"

const char usage_text[] =
	"dmatrace [-e EVENTS] [-o FILE] [-s|-j] COMMAND [ARGUMENT ...]\n"
	"       dmatrace -i FILE [-e EVENTS] [-s|-j]\n"
	"       dmatrace -l\n"
	"Records while COMMAND runs, and prints all events; -s: a summary; -j: Chrome trace JSON.\n"
	"  -e  names, or how they begin, with commas between them (dma,kvm; without it: all)\n"
	"  -o  keeps the records in FILE, for -i\n"
	"  -l  lists the events";

struct event *events;
size_t nevents;
u64 nlost;
static bool wanted[TRACE_NEVENTS];

#define MAGIC "dmatrace 1"

/* Keeps what was recorded: a line, the names, the records. */
static void
save(const char *path)
{
	int fd = open(path, O_RDWR | O_CREATE | O_TRUNC), err = fd;

	if (fd >= 0) {
		fprintf(fd, MAGIC " %lu %lu\n", khz, strlen(names));
		err = write_full(fd, names, strlen(names));
	}
	if (err >= 0 && (err = write_full(fd, raw, nraw * sizeof(*raw))) == 0)
		err = fsync(fd);
	if (err < 0)
		die("%s: %s", path, strerror(err));
}

/* Reads it back. */
static void
load(const char *path)
{
	size_t n = 0, len;
	char *text = slurp(path, &n), *line = text ? strchr(text, '\n') : NULL;
	const char *p = text + strlen(MAGIC) + 1;

	if (!line || strncmp(text, MAGIC, strlen(MAGIC)) != 0 || !(p = parse_number(p, &khz)) ||
		!parse_number(p + 1, &len) || len > n)
		die("%s: no record of dmatrace", path);
	names = alloc(len + 1);
	memcpy(names, line + 1, len);
	names[len] = 0;
	nraw = (n - (line + 1 - text) - len) / sizeof(*raw);
	raw = alloc((nraw + 1) * sizeof(*raw));
	memcpy(raw, line + 1 + len, nraw * sizeof(*raw));
}

/* Sorts n events by time; what is of the same time stays as it was. */
static void
sort(struct event *e, struct event *spare, size_t n)
{
	size_t half = n / 2, i = 0, j = half;

	if (n < 2)
		return;
	sort(e, spare, half);
	sort(e + half, spare, n - half);
	for (size_t k = 0; k < n; k++)
		spare[k] = j == n || (i < half && e[i].ns <= e[j].ns) ? e[i++] : e[j++];
	memcpy(e, spare, n * sizeof(*e));
}

/* From records to events. What a guest has written may be anything. */
static void
unpack(void)
{
	struct event *spare = alloc((nraw + 1) * sizeof(*spare));
	u64 first;

	events = alloc((nraw + 1) * sizeof(*events));
	for (size_t i = 0; i < nraw;) {
		const struct chunk *c = (struct chunk *)&raw[i++];
		const struct trace_record *r;

		nlost += c->lost;
		for (u32 n = c->n; n && i < nraw; n--) {
			u64 tsc = (c->tsc & ~(BIT(48) - 1)) | (r = &raw[i++])->tsc;

			if (tsc > c->tsc) /* the upper bits have changed since */
				tsc -= BIT(48);
			if (r->event < TRACE_NEVENTS && wanted[r->event])
				events[nevents++] = (struct event){tsc, c->vm, r->id, r->pid,
					r->event, r->cpu, r->n, r->a, r->b};
		}
	}
	sort(events, spare, nevents);
	free(spare);
	first = nevents ? events[0].ns : 0;
	for (size_t i = 0; i < nevents; i++) {
		u64 t = events[i].ns - first;
		events[i].ns = t / khz * 1000000 + t % khz * 1000000 / khz;
	}
}

const char *
name_of(const char *field, u64 n)
{
	static char number[8][24];
	static unsigned turn;
	char *found = number[turn++ % NELEM(number)];

	for (const char *p = names; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : "") {
		size_t len = strchr(p, ' ') - p, k = 0; /* "kvm_exit" is for "kvm_exit_...", too */
		const char *q = p + len + 1;
		u64 value;

		if (strncmp(p, field, len) != 0 || !parse_u64(&q, &value) || value != n)
			continue;
		for (q++; q[k] != ' ' && q[k] != '\n' && k < sizeof(number[0]) - 1; k++)
			found[k] = q[k];
		found[k] = 0;
		return found;
	}
	snprintf(found, sizeof(number[0]), "%lu", n);
	return found;
}

/* The next field by its letter in the format. */
static void
put_field(struct text *t, const struct event *e, char letter, u64 v)
{
	switch (letter) {
	case 'd':
		text_printf(t, "%lu", v);
		break;
	case 'i':
		text_printf(t, "%ld", (s64)v);
		break;
	case 'x':
		text_printf(t, "0x%lx", v);
		break;
	case 'g':
		text_printf(t, "0x%lx", v * PAGE_SIZE);
		break;
	case 'p':
		text_printf(t, "0x%lx perm=%c%c", v & ~3UL, v & 1 ? 'r' : '-', v & 2 ? 'w' : '-');
		break;
	case 'r':
		text_printf(t, "%02lx:%02lx.%lu", v >> 8, v >> 3 & 31, v & 7);
		break;
	case 'v':
		text_printf(t, "vm=%s", name_of("vm", v));
		break;
	case 'n':
		text_printf(t, "%s", name_of(trace_types[e->what].name, v));
		break;
	case 'c':
		text_printf(t, "qid=%lu cmdid=%lu opcode=%lu", v >> 16 & 0xff, v & 0xffff, v >> 24);
		break;
	case 's':
		text_printf(t, "%.*s", (int)strnlen((const char *)&e->a, 16), (const char *)&e->a);
		break;
	}
}

void
put_fields(struct text *t, const struct event *e)
{
	u64 field[] = {e->id, trace_types[e->what].kind == TRACE_POINT ? e->n : (u64)(s64)(int)e->n,
		e->a, e->b, 0};
	unsigned k = 0;

	for (const char *p = trace_types[e->what].format; *p; p++) {
		if (*p == '%')
			put_field(t, e, *++p, field[k]), k += k < 4;
		else
			text_printf(t, "%c", *p);
	}
}

static struct text output = {.size = 60000};

void
out_end(void)
{
	if (output.len && write_full(1, output.buf, output.len))
		exit(1);
	output.len = 0;
}

void
out(const char *format, ...)
{
	if (!output.buf)
		output.buf = alloc(output.size);
	text_args(&output, format);
	if (output.len > output.size - 1024)
		out_end();
}

/* Linux's Documentation/trace/ftrace.rst, "Output format"; the task's name is the machine's. */
static void
print_text(void)
{
	char line[256];

	out("# tracer: nop\n#\n# entries-in-buffer/entries-written: %lu/%lu\n#\n"
	    "#           TASK-PID     CPU#      TIMESTAMP  FUNCTION\n"
	    "#              | |         |           |         |\n",
		nevents, nevents + nlost);
	for (size_t i = 0; i < nevents; i++) {
		const struct event *e = &events[i];
		struct text t = TEXT_ON(line);
		char who[24];

		put_fields(&t, e);
		snprintf(who, sizeof(who), "%s-%u", e->vm ? name_of("vm", e->vm) : "host", e->pid);
		out("%20s     [%03u] %4lu.%09lu: %s: %s\n", who, e->cpu, e->ns / 1000000000,
			e->ns % 1000000000, trace_types[e->what].name, line);
	}
}

int
main(int argc, char **argv)
{
	char **args = argv + 1, *value, *what = "all", *to = NULL, *from = NULL;
	void (*view)(void) = NULL;
	int c, status = 0;
	size_t n;

	while ((c = next_option(&args, "e:o:i:sjl", &value))) {
		switch (c) {
		case 'e':
			what = value;
			break;
		case 'o':
			to = value;
			break;
		case 'i':
			from = value;
			break;
		case 's':
			view = print_summary;
			break;
		case 'j':
			view = print_json;
			break;
		case 'l':
			value = slurp("/proc/trace", &n);
			return value ? write_full(1, value, n) : 1;
		}
	}
	if (!from == !*args)
		usage(2);
	if (!trace_named(what, wanted))
		die("%s: no such event; -l lists them", what);
	if (from) {
		load(from);
	} else {
		status = record(what, args);
		if (to)
			save(to);
	}
	unpack();
	if (nlost)
		warn("%lu records were overwritten before they were read: name fewer events (-e)",
			nlost);
	find_ios();
	if (view || !to)
		(view ? view : print_text)();
	out_end();
	return status;
}
