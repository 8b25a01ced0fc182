/* usertests: what programs may ask of the kernel, and what it answers to nonsense. KTAP. */
#include "user/user.h"

const char usage_text[] = "usertests [NAME]";

static int tests, failed;
static const char *only;

static void
check(bool good, const char *name)
{
	printf("%s %d - %s\n", good ? "ok" : "not ok", ++tests, name);
	failed += !good;
}

/* Runs fn in a child; its exit status. */
static int
in_child(void (*fn)(void))
{
	int pid = fork(), status = -1;

	if (pid == 0) {
		fn();
		exit(0);
	}
	if (pid < 0 || wait(&status) != pid)
		return -1;
	return status;
}

/* Addresses that no program has. */
static u64 bad_address[] = {0, 1, 0xfff, 0x3ff000, 0x7fffffffffff, 0x800000000000,
	0xffff800000000000, 0xffffffff80100000, ~0UL, ~0UL - 4095};

static void
test_pointers(void)
{
	bool good = true;
	int zero = open("/proc/ps", O_RDONLY);

	for (size_t i = 0; i < NELEM(bad_address); i++) {
		void *p = (void *)bad_address[i];

		good &= open(p, O_RDONLY) < 0 && exec(p, p) < 0 && exec("/bin/echo", p) < 0;
		good &= read(zero, p, 10) == -EFAULT && write(1, p, 10) == -EFAULT;
		good &= pipe(p) == -EFAULT && fstat(zero, p) == -EFAULT && chdir(p) < 0;
	}
	close(zero);
	check(good, "pointers: a bad address in any argument is an error");
}

static void
test_descriptors(void)
{
	static const int bad[] = {-1, 31, 32, 1000, 0x7fffffff, (int)0x80000000};
	bool good = true;
	char c;

	for (size_t i = 0; i < NELEM(bad); i++)
		good &= read(bad[i], &c, 1) == -EBADF && write(bad[i], &c, 1) == -EBADF &&
			close(bad[i]) == -EBADF && dup(bad[i]) == -EBADF &&
			lseek(bad[i], 0, SEEK_SET) == -EBADF;
	check(good, "descriptors: one that is not open is an error");
}

static void
test_open_limit(void)
{
	int n = 0, fd;

	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	check(n > 20 && fd == -EMFILE, "open: too many files is an error");
	for (fd = 3; fd < 32; fd++)
		close(fd);
}

static void
test_sbrk(void)
{
	char *p = sbrk(0);
	bool good = (long)sbrk(1L << 40) == -ENOMEM && (long)sbrk(-1) == -EINVAL && sbrk(0) == p;

	good &= (long)sbrk(900L << 20) == -ENOMEM && sbrk(0) == p; /* more than there is */
	good &= sbrk(8192) == p;
	if (good)
		p[0] = p[8191] = 1;
	check(good, "sbrk: what cannot be had changes nothing");
}

static void
fault_null(void)
{
	*(volatile int *)0 = 1;
}

static void
fault_kernel(void)
{
	*(volatile int *)0xffffffff80200000 = 1;
}

static void
fault_text(void)
{
	*(volatile int *)(u64)fault_text = 1;
}

static void
fault_stack_execution(void)
{
	char code[] = {(char)0xc3};
	((void (*)(void))(u64)code)();
}

static void
fault_privilege(void)
{
	asm volatile("cli");
}

static void
fault_fpu(void)
{
	asm volatile("fninit");
}

static void
deep_recursion(void)
{
	volatile char page[4096];

	page[0] = 1;
	if (page[0])
		deep_recursion();
	page[4095] = page[0];
}

static void
test_faults(void)
{
	check(in_child(fault_null) == 128 + 14, "fault: NULL");
	check(in_child(fault_kernel) == 128 + 14, "fault: kernel memory");
	check(in_child(fault_text) == 128 + 14, "fault: program text is read-only");
	check(in_child(fault_stack_execution) == 128 + 14, "fault: the stack does not execute");
	check(in_child(fault_privilege) == 128 + 13, "fault: a privileged instruction");
	check(in_child(fault_fpu) > 128, "fault: floating point");
	check(in_child(deep_recursion) == 128 + 14, "fault: a stack without end");
}

/* Forks until it cannot, then reaps all. */
static void
fork_all(void)
{
	int n = 0, pid, status;

	while (n < 300 && (pid = fork()) > 0)
		n++;
	if (pid == 0)
		exit(7);
	while (n > 0 && wait(&status) > 0 && status == 7)
		n--;
	exit(n);
}

static void
test_fork(void)
{
	int status;

	check(in_child(fork_all) == 0, "fork: 300 children, each reaped");
	check(wait(&status) == -ECHILD, "wait: without children is an error");
}

static void
test_pipe(void)
{
	int fd[2], status, pid;
	char out[1000], in[1000];
	bool good = true;
	size_t total = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i * 7;
	pipe(fd);
	if ((pid = fork()) == 0) {
		close(fd[0]);
		for (int i = 0; i < 100; i++)
			if (write_full(fd[1], out, sizeof(out)) < 0)
				exit(1);
		exit(0);
	}
	close(fd[1]);
	for (;;) {
		ssize_t n = read(fd[0], in, sizeof(in));
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			good &= in[i] == out[(total + i) % sizeof(out)];
		total += n;
	}
	wait(&status);
	check(good && total == 100000 && status == 0, "pipe: 100,000 bytes arrive in order");
	close(fd[0]);
	pipe(fd);
	close(fd[0]);
	check(write(fd[1], out, 1) == -EPIPE, "pipe: writing without a reader is an error");
	close(fd[1]);
	pipe(fd);
	check(read(fd[0], in, 0) == 0, "pipe: reading nothing does not wait");
	if ((pid = fork()) == 0) {
		read(fd[0], in, 1);
		exit(0);
	}
	sleep(50);
	kill(pid);
	check(wait(&status) == pid && status != 0, "kill: ends a process that sleeps in read");
	close(fd[0]);
	close(fd[1]);
}

static void
test_kill(void)
{
	check(kill(2) == -EPERM, "kill: init cannot be killed");
	check(kill(-1) == -ENOENT && kill(99999) == -ENOENT, "kill: no such process is an error");
}

/* Three processes read one open file: each byte comes once. */
static void
test_shared_file(void)
{
	int fd = open("/bin/sh", O_RDONLY), result[2], n, total = 0, count;
	struct stat st;
	char buf[100];

	fstat(fd, &st);
	pipe(result);
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			count = 0;
			while ((n = read(fd, buf, sizeof(buf))) > 0)
				count += n;
			write(result[1], &count, sizeof(count));
			exit(0);
		}
	}
	for (int i = 0; i < 3; i++) {
		read(result[0], &count, sizeof(count));
		total += count;
		wait(&n);
	}
	check(total == (int)st.size, "file: processes that share one read each byte once");
	close(fd), close(result[0]), close(result[1]);
}

static void
test_paths(void)
{
	static char path[400];

	memset(path, 'a', sizeof(path) - 1);
	check(open(path, O_RDONLY) == -ENAMETOOLONG, "path: too long is an error");
	path[100] = 0;
	check(open(path, O_RDONLY) == -ENAMETOOLONG, "path: a name too long is an error");
	check(open("/bin/sh/x", O_RDONLY) == -ENOTDIR, "path: through a file is an error");
	check(open("/bin/sh", O_WRONLY) == -EROFS, "path: writing to the disk is an error so far");
	check(chdir("/bin") == 0 && open("sh", O_RDONLY) >= 0 && open("../bin/./sh", O_RDONLY) >= 0,
		"path: from the current directory");
}

static const struct {
	const char *name;
	void (*fn)(void);
} table[] = {{"pointers", test_pointers}, {"descriptors", test_descriptors},
	{"open", test_open_limit}, {"sbrk", test_sbrk}, {"faults", test_faults},
	{"fork", test_fork}, {"pipe", test_pipe}, {"kill", test_kill}, {"file", test_shared_file},
	{"paths", test_paths}};

int
main(int argc, char **argv)
{
	if (argc > 2)
		usage(2);
	if (argc > 1 && strcmp(argv[1], "-h") == 0)
		usage(0);
	only = argc > 1 ? argv[1] : NULL;
	printf("KTAP version 1\n");
	for (size_t i = 0; i < NELEM(table); i++)
		if (!only || strcmp(only, table[i].name) == 0)
			table[i].fn();
	printf("1..%d\n", tests);
	return failed != 0;
}
