/*
 * bench: what the kernel's paths cost. Prints a line for each row: its name, and the mean cost of
 * one operation in TSC ticks, less the time that the CPU was idle. In QEMU with
 * `-icount shift=0,sleep=on` a tick is one instruction (`make bench`).
 */
#include "user/user.h"

const char usage_text[] = "bench [ROW]...\n"
			  "  bench work   (ticks that CPU work takes here)\n"
			  "  bench busy   (ticks since boot in which a CPU was not idle)";

enum { KIB = 1024, HEAP = 256 * KIB };

static char block[KIB];

static u64
rdtsc(void)
{
	u32 lo, hi;

	asm volatile("rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return lo | (u64)hi << 32;
}

/* Ends the program unless a call has returned what it should. */
static void
must(bool good, const char *what)
{
	if (!good)
		die("%s failed", what);
}

static void
getpids(int n)
{
	while (n--)
		getpid();
}

/* A byte to another process and back. */
static void
pipe_trips(int n)
{
	int to[2], from[2];
	char c = 0;

	must(pipe(to) == 0 && pipe(from) == 0, "pipe");
	if (fork() == 0) {
		close(to[1]);
		while (read(to[0], &c, 1) == 1 && write(from[1], &c, 1) == 1)
			;
		exit(0);
	}
	close(to[0]);
	while (n--)
		must(write(to[1], &c, 1) == 1 && read(from[0], &c, 1) == 1, "pipe round trip");
	close(to[1]);
	close(from[0]);
	close(from[1]);
	wait(NULL);
}

static void
forks(int n)
{
	while (n--) {
		int pid = fork();

		if (pid == 0)
			exit(0);
		must(pid > 0 && wait(NULL) == pid, "fork");
	}
}

static void
execs(int n)
{
	static char *const argv[] = {"/bin/bench", "nothing", NULL};

	while (n--) {
		int pid = fork();

		if (pid == 0) {
			exec(argv[0], argv);
			exit(1);
		}
		must(pid > 0 && wait(NULL) == pid, "exec");
	}
}

/* First touches of heap pages. */
static void
page_faults(int n)
{
	char *at = sbrk((long)n * PAGE_SIZE + PAGE_SIZE);

	must((long)at > 0, "sbrk");
	while (n--)
		*(volatile char *)(at += PAGE_SIZE) = 1;
}

static void
preads(int n)
{
	int fd = open("/bin/bench", O_RDONLY);
	char c;

	must(fd >= 0 && pread(fd, &c, 1, 0) == 1, "open");
	while (n--)
		must(pread(fd, &c, 1, 100) == 1, "pread");
	close(fd);
}

static void
opens(int n)
{
	while (n--) {
		int fd = open("/bin/bench", O_RDONLY);

		must(fd >= 0 && close(fd) == 0, "open");
	}
}

static void
creates(int n)
{
	while (n--) {
		int fd = open("/bench.tmp", O_CREATE | O_WRONLY);

		must(fd >= 0 && write(fd, block, sizeof(block)) == sizeof(block), "create");
		must(close(fd) == 0 && unlink("/bench.tmp") == 0, "unlink");
	}
}

static const struct row {
	const char *name;
	void (*run)(int n);
	int n; /* operations */
} rows[] = {
	{"getpid", getpids, 1000},
	{"pipe round trip", pipe_trips, 500},
	{"fork+exit+wait", forks, 100},
	{"fork+exec+wait", execs, 100},
	{"page fault", page_faults, 1000},
	{"pread 1 byte", preads, 1000},
	{"open+close", opens, 500},
	{"create+write 1K+unlink", creates, 200},
};

/* Idle ticks of all CPUs since boot. */
static u64
idle(void)
{
	static struct reader r;
	u64 sum = 0, value;
	char *line;

	r = (struct reader){.fd = open_input("/proc/cpus")};
	read_line(&r); /* the heading */
	while ((line = read_line(&r))) {
		char *p = strchr(line, '\t');
		if (p && parse_number(p + 1, &value))
			sum += value;
	}
	close(r.fd);
	return sum;
}

/* What a CPU does by itself: some 1.5 million instructions each time. */
static void
work(int n)
{
	u32 x = 1;

	for (int i = 0; i < n * 100000; i++) {
		x ^= x << 13, x ^= x >> 17, x ^= x << 5;
		((volatile char *)block)[x % KIB] += x;
	}
}

static void
measure(const struct row *r)
{
	u64 t, was_idle;

	r->run(3); /* warm */
	was_idle = idle();
	t = rdtsc();
	r->run(r->n);
	t = rdtsc() - t;
	was_idle = idle() - was_idle;
	printf("%s\t%lu\n", r->name, (t - was_idle) / r->n);
}

int
main(int argc, char **argv)
{
	static const struct row cpu = {"work", work, 100};
	u64 started = rdtsc();
	char **args = argv + 1, *value;

	if (argc == 2 && strcmp(argv[1], "nothing") == 0)
		return 0;
	while (next_option(&args, "", &value))
		;
	if (argc == 2 && strcmp(argv[1], "work") == 0) {
		measure(&cpu);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "busy") == 0) {
		printf("busy\t%lu\n", started - idle());
		return 0;
	}
	if (argc == 1)
		printf("boot\t%lu\n", started - idle());
	for (size_t i = 0; i < NELEM(rows); i++) {
		bool wanted = argc == 1;

		for (int k = 1; k < argc; k++)
			wanted |= strcmp(argv[k], rows[i].name) == 0;
		if (wanted)
			measure(&rows[i]);
	}
	return 0;
}
