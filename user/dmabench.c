/*
 * dmabench: what DMA costs. Prints TSV, its heading with -H; a tick of the TSC is an instruction in
 * QEMU with `-icount shift=0`. What the columns mean is said where they are printed.
 */
#include "user/user.h"

const char usage_text[] =
	"dmabench map DEVICE [-s STRATEGY] [-p PAGES] [-b BATCH] [-n ROUNDS] [-l LIVE]\n"
	"       dmabench io DEVICE=DISK[,...] [-s STRATEGY] [-w read|write|seq] [-d DEPTH] [-b "
	"BYTES]\n"
	"                   [-n COUNT] [-j PROCESSES] [-a PAGES] [-r SEED] [-t SAMPLES] [-H]\n"
	"       dmabench null\n"
	"  io: -a: buffers are taken at random from so many pages; -t: prints what the device "
	"reaches";

static char answer[256];

/* One command to /dev/dma; ends the program if it fails. */
static u64
dma(const char *format, ...)
{
	int fd;
	char line[128];
	va_list args;
	u64 value = 0;
	ssize_t n;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if ((fd = open("/dev/dma", O_RDWR)) < 0)
		die("/dev/dma: %s", strerror(fd));
	if ((n = write(fd, line, strlen(line))) < 0)
		die("%s: %s", line, strerror(n));
	n = read(fd, answer, sizeof(answer) - 1);
	answer[n > 0 ? n : 0] = 0;
	parse_number(answer, &value);
	close(fd);
	return value;
}

static u64
rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return lo | (u64)hi << 32;
}

/* What to do: the options. */
static struct {
	char *strategy, *workload;
	u64 depth, bytes, count, processes, arena, seed, samples;
	u64 pages, batch, rounds, live; /* of map */
} o = {.workload = "read",
	.depth = 32,
	.bytes = 4096,
	.count = 4096,
	.processes = 1,
	.seed = 1,
	.pages = 1,
	.batch = 1,
	.rounds = 1000};

static struct target {
	char *device, *disk; /* "00:04.0", "nvme1" */
} targets[8];
static unsigned ntargets;

/* What has happened since boot, as /dev/dma counts it, of all devices together. */
enum { MAPS, INVALIDATIONS, HYPERCALLS, EXITS, PAGES, PEAK, COPIED, EXPOSED, IDLE, NCOUNTS };
struct counts {
	u64 tsc, n[NCOUNTS], interrupts;
};

static u64
count_interrupts(void)
{
	static struct reader r;
	u64 sum = 0, value;
	char *line, *p;

	r = (struct reader){.fd = open_input("/proc/interrupts")};
	while ((line = read_line(&r))) {
		for (p = line + 4; *p == ' '; p++)
			;
		if (strlen(line) > 5 && strcmp(line + strlen(line) - 4, "nvme") == 0 &&
			parse_number(p, &value))
			sum += value;
	}
	close(r.fd);
	return sum;
}

static void
take_counts(struct counts *c, bool interrupts)
{
	*c = (struct counts){.interrupts = interrupts ? count_interrupts() : 0};
	for (unsigned t = 0; t < ntargets; t++) {
		const char *p = answer;

		dma("count %s", targets[t].device);
		for (int i = 0; i < NCOUNTS; i++) {
			u64 value = 0;

			p = parse_number(p, &value);
			p += *p == ' ';
			/* Those of the machine are the same for each device. */
			if (i == HYPERCALLS || i == EXITS || i == IDLE)
				c->n[i] = value;
			else
				c->n[i] += value;
		}
	}
	c->tsc = rdtsc();
}

/* xorshift64*: the same seed, the same numbers. */
static u64 random_state;
static u64
random_below(u64 n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (random_state * 0x2545f4914f6cdd1d >> 11) % n;
}

/*
 * A process's side of it: one disk, its buffers. A disk takes so much at once (PIECE); what is
 * longer is several requests, of which so many fit as the kernel has under way for a file.
 */
enum { PIECE = 65536 };
static struct {
	int fd;
	u64 piece, pieces; /* bytes of one; of a request */
	u64 depth;         /* pieces under way */
	u64 blocks;        /* of o.bytes on the disk */
	u64 buffers;       /* of a piece each */
	char *buffer;
	u64 next;              /* block, of seq */
	u64 block, at;         /* of the request that is being cut, and its next piece */
	u64 idle_slot[MAX_IO]; /* buffers of requests that are not under way */
	unsigned nidle;
	int in_flight;
} me;

static void
setup(unsigned process)
{
	char path[32];
	struct stat st;
	long at;

	snprintf(path, sizeof(path), "/dev/%s", targets[process % ntargets].disk);
	if ((me.fd = open(path, strcmp(o.workload, "write") == 0 ? O_RDWR : O_RDONLY)) < 0)
		die("%s: %s", path, strerror(me.fd));
	fstat(me.fd, &st);
	me.blocks = st.size / o.bytes;
	me.piece = o.bytes < PIECE ? o.bytes : PIECE;
	me.pieces = o.bytes / me.piece;
	me.depth = o.depth * me.pieces < MAX_IO ? o.depth * me.pieces : MAX_IO;
	me.buffers = o.arena ? o.arena * 4096 / me.piece : me.depth;
	if (!me.blocks || me.buffers < me.depth)
		die("the disk or the arena (-a) is too small");
	at = (long)sbrk(me.buffers * me.piece + 4096);
	if (at < 0)
		die("no memory for %lu buffers", me.buffers);
	me.buffer = (char *)((at + 4095) & -4096L);
	for (u64 i = 0; i < me.buffers * me.piece; i += 4096)
		me.buffer[i] = 1; /* first touches are not what we measure */
	random_state = o.seed * 0x9e3779b97f4a7c15 + process + 1;
	for (u64 i = 0; i < me.depth; i++)
		me.idle_slot[me.nidle++] = i;
}

/* Starts as many requests as fit, at most n. Returns how many. */
static u64
start(u64 n)
{
	static struct io_request list[MAX_IO];
	unsigned k = 0;
	int begun;

	for (; k < me.nidle && k < n; k++) {
		u64 slot = me.idle_slot[me.nidle - 1 - k];
		u64 buffer = o.arena ? slot + me.depth * random_below(me.buffers / me.depth) : slot;

		if (me.at == 0)
			me.block = o.workload[0] == 's' ? me.next++ % me.blocks
							: random_below(me.blocks);
		list[k] = (struct io_request){me.buffer + buffer * me.piece,
			me.block * o.bytes + me.at * me.piece, me.piece, o.workload[0] == 'w',
			slot};
		me.at = (me.at + 1) % me.pieces;
	}
	if (!k)
		return 0;
	begun = submit(me.fd, list, k);
	if (begun == -EAGAIN) /* others have the disk's requests */
		begun = 0;
	if (begun < 0)
		die("submit: %s", strerror(begun));
	me.nidle -= begun;
	me.in_flight += begun;
	return begun;
}

/* Does n requests, at most o.depth of them under way; half of them are waited for at once. */
static void
run(u64 n)
{
	static struct io_result result[MAX_IO];

	n *= me.pieces;
	while (n || me.in_flight) {
		int k, least = (me.depth + 1) / 2;

		n -= start(n);
		if (!me.in_flight) {
			sleep(1);
			continue;
		}
		least = least < me.in_flight ? least : me.in_flight;
		if ((k = collect(me.fd, result, MAX_IO, least)) < 0)
			die("collect: %s", strerror(k));
		for (int i = 0; i < k; i++) {
			if (result[i].result != (s64)me.piece)
				die("a request failed: %s", strerror(result[i].result));
			me.idle_slot[me.nidle++] = result[i].tag;
		}
		me.in_flight -= k;
	}
}

/* -t: what the device reaches while the work is done, in microseconds from its begin. */
static void
print_samples(void)
{
	struct counts was, is;

	take_counts(&was, false);
	for (u64 i = 0; i <= o.samples; i++) {
		take_counts(&is, false);
		printf("pages\t%s\t%lu\t%lu\n", o.strategy ? o.strategy : "-",
			i * (o.count / o.samples), is.n[PAGES]);
		if (i < o.samples)
			run(o.count / o.samples);
	}
}

/* Prints what a request has cost and caused: events times 1,000. */
static void
print_row(const struct counts *was, const struct counts *is)
{
	u64 n = o.count / o.processes * o.processes, d[NCOUNTS], idle;

	for (int i = 0; i < NCOUNTS; i++)
		d[i] = is->n[i] - was->n[i];
	idle = d[IDLE];
	printf("io\t%s\t%s\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%lu\t%"
	       "lu\n",
		o.strategy ? o.strategy : "-", o.workload, o.depth, o.bytes, o.processes, o.arena,
		n, (is->tsc - was->tsc - idle) / n, (is->tsc - was->tsc) / n, d[MAPS] * 1000 / n,
		d[INVALIDATIONS] * 1000 / n, d[HYPERCALLS] * 1000 / n, d[EXITS] * 1000 / n,
		(is->interrupts - was->interrupts) * 1000 / n, is->n[PEAK], d[COPIED] / n,
		d[EXPOSED] * 1000 / n);
}

static const char heading[] =
	"kind\tstrategy\tworkload\tdepth\tbytes\tprocesses\tarena pages\trequests\tinstructions\t"
	"ticks\tmaps x 1000\tinvalidations x 1000\tcalls x 1000\texits x 1000\t"
	"interrupts x 1000\tpeak pages\tbytes copied\texposed pages x us x 1000\n";

/* All processes start together and are measured until the last one ends. */
static void
io_all(void)
{
	int go[2], ready[2], status;
	struct counts was, is;
	char c = 0;

	if (o.processes == 1) { /* nothing but the requests */
		setup(0);
		run(o.depth * 4);
		if (o.samples) {
			print_samples();
			return;
		}
		take_counts(&was, true);
		run(o.count);
		take_counts(&is, true);
		print_row(&was, &is);
		return;
	}
	pipe(go);
	pipe(ready);
	for (u64 i = 0; i < o.processes; i++)
		if (fork() == 0) {
			setup(i);
			run(o.depth * 4);
			write(ready[1], &c, 1);
			read(go[0], &c, 1);
			run(o.count / o.processes);
			exit(0);
		}
	for (u64 i = 0; i < o.processes; i++)
		read(ready[0], &c, 1);
	take_counts(&was, true);
	for (u64 i = 0; i < o.processes; i++)
		write(go[1], &c, 1);
	for (u64 i = 0; i < o.processes; i++)
		if (wait(&status) < 0 || status)
			die("a process failed");
	take_counts(&is, true);
	print_row(&was, &is);
}

/* "00:04.0=nvme1,...": the devices and their disks. */
static void
parse_targets(char *list)
{
	while (*list && ntargets < NELEM(targets)) {
		struct target *t = &targets[ntargets++];
		char *disk = strchr(list, '=');

		if (!disk)
			usage(2);
		*disk++ = 0;
		*t = (struct target){list, disk};
		list = strchr(disk, ',');
		if (!list)
			return;
		*list++ = 0;
	}
}

static void
map_cost(const char *device)
{
	dma("cost %s %lu %lu %lu %lu", device, o.pages, o.batch, o.rounds, o.live);
	for (char *p = answer; *p; p++) /* TSV, in the order of /dev/dma */
		*p = *p == ' ' ? '\t' : *p == '\n' ? 0 : *p;
	printf("%s\t%lu\t%lu\t%lu\t%s\n", o.strategy ? o.strategy : "-", o.pages, o.batch, o.live,
		answer);
}

/* Options that are numbers; the value is the caller's to set. */
static u64 *
number_option(int c, bool io)
{
	switch (c) {
	case 'a':
		return &o.arena;
	case 'b':
		return io ? &o.bytes : &o.batch;
	case 'd':
		return &o.depth;
	case 'j':
		return &o.processes;
	case 'l':
		return &o.live;
	case 'n':
		return io ? &o.count : &o.rounds;
	case 'p':
		return &o.pages;
	case 'r':
		return &o.seed;
	default:
		return &o.samples;
	}
}

int
main(int argc, char **argv)
{
	char **args = argv + 1, *value, *device = argc > 2 ? argv[2] : "";
	const char *what = argc > 1 ? argv[1] : "";
	bool io = strcmp(what, "io") == 0;
	int c;

	if (strcmp(what, "null") == 0) {
		printf("null\t%lu\n", dma("null 1000"));
		return 0;
	}
	if (argc > 1 && argv[1][0] != '-')
		args += argc > 2 ? 2 : 1;
	while ((c = next_option(&args, io ? "s:w:d:b:n:j:a:r:t:H" : "s:p:b:n:l:", &value))) {
		if (c == 's')
			o.strategy = value;
		else if (c == 'w')
			o.workload = value;
		else if (c == 'H')
			printf("%s", heading);
		else
			*number_option(c, io) = number_argument(value);
	}
	if ((!io && strcmp(what, "map") != 0) || !*device || *args)
		usage(2);
	if (!io)
		targets[ntargets++].device = device;
	else
		parse_targets(device);
	if (!o.depth || o.depth > MAX_IO || !o.processes || o.count < o.processes ||
		(o.bytes > PIECE ? o.bytes % PIECE : o.bytes % 512) || !o.bytes ||
		(o.samples && o.processes > 1) || !strchr("rws", o.workload[0]))
		usage(2);
	for (unsigned i = 0; i < ntargets && o.strategy; i++)
		dma("strategy %s %s", targets[i].device, o.strategy);
	if (io)
		io_all();
	else
		map_cost(device);
	return 0;
}
