/*
 * Recording: while a command runs, its machine's trace rings and those of its guests are read as
 * anybody can read memory. The host's are in /dev/mem; a page of a guest's is where `vmctl maps`
 * says, unless it has moved meanwhile. Nobody is stopped for it: who is too slow has lost records,
 * and knows how many.
 */
#include "user/dmatrace.h"

struct trace_record *raw;
size_t nraw;
static size_t raw_room;
char *names;
u64 khz;

/* The rings of a machine, the host's first. */
static struct source {
	u16 vm;        /* 0: the host */
	char name[20]; /* the VM's */
	u64 rings, ncpus, tsc_offset;
	u64 tail[16]; /* of each CPU's ring, what has been read */
} sources[64];
static size_t nsources = 1;

static int mem, vmm; /* /dev/mem, and /dev/vmm if there is one */

char *
slurp(const char *path, size_t *n)
{
	int fd = open(path, O_RDONLY);
	char *text = fd < 0 ? NULL : read_all(fd, n);

	close(fd);
	return text;
}

/* Cuts the next line off *text into at most 8 words; how many, -1 at the end. */
static int
next_line(char **text, char *word[8])
{
	char *line = *text, *end;

	if (!line || !*line)
		return -1;
	if ((end = strchr(line, '\n')))
		*end++ = 0;
	*text = end;
	return cut_words(line, " ", false, word, 8);
}

static u64
number(const char *s)
{
	u64 value = 0;

	parse_number(s, &value);
	return value;
}

/* Where the host's rings are, and whether anything is recorded. */
static bool
look_at_host(void)
{
	size_t size;
	char *text = slurp("/proc/trace", &size), *at = text, *word[8];
	bool on = false;
	int n;

	while ((n = next_line(&at, word)) >= 0) {
		if (n > 1 && strcmp(word[0], "tsc") == 0)
			khz = number(word[1]);
		if (n > 2 && strcmp(word[0], "ring") == 0) {
			sources[0].rings = number(word[1]);
			sources[0].ncpus = MIN(number(word[2]), NELEM(sources[0].tail));
		}
		on |= n > 1 && strcmp(word[1], "on") == 0;
	}
	free(text);
	if (!khz || !sources[0].rings)
		die("/proc/trace: cannot be read");
	return on;
}

/* Which guests have offered their rings, and where. */
static void
look_at_guests(void)
{
	size_t size;
	char *text = slurp("/proc/vmm", &size), *at = text, *word[8];
	int n;

	while ((n = next_line(&at, word)) >= 0) {
		struct source *s = sources + 1;

		/* vm ID NAME tsc_offset TICKS ring GPA CPUS */
		if (n < 8 || strcmp(word[0], "vm") != 0 || !number(word[7]))
			continue;
		while (s < sources + nsources && s->vm != number(word[1]))
			s++;
		if (s == sources + NELEM(sources))
			continue;
		nsources = MAX(nsources, (size_t)(s - sources + 1));
		s->vm = number(word[1]);
		strlcpy(s->name, word[2], sizeof(s->name));
		s->tsc_offset = number(word[4]);
		s->rings = number(word[6]);
		s->ncpus = MIN(number(word[7]), NELEM(s->tail));
	}
	free(text);
}

/* The machine's address behind a guest's; 0: there is none, or the VM has gone. */
static u64
translate(const struct source *s, u64 gpa)
{
	char line[64];
	ssize_t n = snprintf(line, sizeof(line), "maps\n%s\n0x%lx", s->name, gpa);

	if (write(vmm, line, n) < 0 || (n = read(vmm, line, sizeof(line) - 1)) <= 0)
		return 0;
	line[n] = 0;
	return number(line);
}

/* Reads a machine's memory; false if it cannot be read. */
static bool
read_memory(const struct source *s, u64 at, void *buf, size_t n)
{
	for (size_t done = 0, k; done < n; done += k) {
		u64 from = at + done, tries = 100;

		k = MIN(n - done, PAGE_SIZE - (from & (PAGE_SIZE - 1)));
		do {
			from = s->vm ? translate(s, at + done) : at + done;
			if (!from || !tries-- ||
				pread(mem, (char *)buf + done, k, from) != (ssize_t)k)
				return false;
		} while (s->vm && translate(s, at + done) != from); /* it has moved */
	}
	return true;
}

/* Makes room for n records more. */
static void
reserve(size_t n)
{
	size_t room = raw_room ? raw_room : 8192;

	while (room < nraw + n)
		room *= 2;
	if (room != raw_room && !(raw = realloc(raw, room * sizeof(*raw))))
		die("out of memory: name fewer events (-e)");
	raw_room = room;
}

/* Moves *tail behind what is overwritten of a ring, or may be any moment; how many records. */
static u64
skip(u64 *tail, u64 head)
{
	u64 first = head < TRACE_RECORDS ? 0 : head + 1 - TRACE_RECORDS;
	u64 n = first > *tail ? first - *tail : 0;

	*tail += n;
	return n;
}

/* Takes what is in a ring, or if `drop` forgets it; false if there is nothing more for now. */
static bool
take(struct source *s, unsigned cpu, bool drop)
{
	u64 *tail = &s->tail[cpu], lost, late, first, n;
	struct trace_ring ring;
	struct trace_record *rec;
	struct chunk *chunk;

	if (!read_memory(s, s->rings + cpu * sizeof(ring), &ring, sizeof(ring)) || !ring.records ||
		ring.head <= *tail)
		return false;
	if (drop) {
		*tail = ring.head;
		return false;
	}
	lost = skip(tail, ring.head);
	first = *tail;
	/* Some, up to the end of the ring. */
	n = MIN(MIN(ring.head - first, 2048UL), TRACE_RECORDS - first % TRACE_RECORDS);
	reserve(n + 1);
	rec = raw + nraw + 1;
	if (!read_memory(s, ring.records + first % TRACE_RECORDS * sizeof(*rec), rec,
		    n * sizeof(*rec)) ||
		!read_memory(s, s->rings + cpu * sizeof(ring), &ring, sizeof(ring)))
		return false;
	/* What has been written over meanwhile is not what it was. */
	late = MIN(skip(&first, ring.head), n);
	memmove(rec, rec + late, (n - late) * sizeof(*rec));
	chunk = (struct chunk *)(raw + nraw);
	*chunk = (struct chunk){s->vm, n - late, __builtin_ia32_rdtsc(), lost + late, 0};
	for (u64 i = 0; i < n - late; i++)
		rec[i].tsc -= s->tsc_offset;
	*tail += n;
	nraw += 1 + n - late;
	return true;
}

/* Takes what there is in all rings. */
static void
take_all(bool drop)
{
	look_at_guests();
	for (struct source *s = sources; s < sources + nsources; s++)
		for (unsigned cpu = 0; cpu < s->ncpus; cpu++)
			while (take(s, cpu, drop))
				;
}

/* Turns the events on that the words name. */
static void
turn(const char *words)
{
	int fd = open("/dev/trace", O_RDWR), err = write(fd, words, strlen(words));

	if (err < 0)
		die("/dev/trace: %s", strerror(err));
	close(fd);
}

/* Runs the command; its status. */
static int
run(char **command)
{
	char path[MAX_PATH];
	int pid = fork(), status = 1;

	if (pid == 0) {
		exec(command[0], command);
		snprintf(path, sizeof(path), "/bin/%s", command[0]);
		die("%s: %s", command[0], strerror(exec(path, command)));
	}
	if (pid > 0)
		wait(&status);
	return status;
}

int
record(const char *what, char **command)
{
	int pid, status = 1;
	size_t n;

	mem = open("/dev/mem", O_RDONLY);
	vmm = open("/dev/vmm", O_RDWR);
	if (mem < 0)
		die("/dev/mem: %s", strerror(mem));
	if (!look_at_host()) /* else it traces since it was started: that is wanted, too */
		take_all(true);
	turn(what);
	if ((pid = fork()) == 0) {
		status = run(command);
		turn("off"); /* which ends the loop below */
		exit(status);
	}
	while (pid > 0 && look_at_host()) {
		take_all(false);
		sleep(10);
	}
	wait(&status);
	turn("off");
	take_all(false);
	if (!(names = slurp("/proc/vmm", &n)))
		names = "";
	return status;
}
