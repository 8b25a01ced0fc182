/* Of usertests: processes, memory, pipes, and the arguments of system calls. */
#include "user/usertests.h"

/* Addresses that no program has. */
static u64 bad_address[] = {0, 1, 0xfff, 0x3ff000, 0x7fffffffffff, 0x800000000000,
	0xffff800000000000, 0xffffffff80100000, ~0UL, ~0UL - 4095};

void
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

void
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

void
test_open(void)
{
	int fds[MAX_FILES], n = 0, fd;

	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		fds[n++] = fd;
	check(n > 20 && fd == -EMFILE, "open: too many files is an error");
	while (n > 0)
		close(fds[--n]);
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
fault_sse(void)
{
	asm volatile("movaps %xmm0, %xmm1");
}

static void
fault_avx(void)
{
	asm volatile("vmovaps %ymm0, %ymm1");
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

void
test_faults(void)
{
	check(in_child(fault_null) == 128 + 14, "fault: NULL");
	check(in_child(fault_kernel) == 128 + 14, "fault: kernel memory");
	check(in_child(fault_text) == 128 + 14, "fault: program text is read-only");
	check(in_child(fault_stack_execution) == 128 + 14, "fault: the stack does not execute");
	check(in_child(fault_privilege) == 128 + 13, "fault: a privileged instruction");
	check(in_child(fault_fpu) > 128, "fault: floating point");
	check(in_child(fault_sse) > 128, "fault: SSE");
	check(in_child(fault_avx) > 128, "fault: AVX, also after VMs have used it");
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

void
test_fork(void)
{
	int status;

	check(in_child(fork_all) == 0, "fork: 300 children, each reaped");
	check(wait(&status) == -ECHILD, "wait: without children is an error");
}

void
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

/* Each system call by its number of arguments; those that would end the test are left out. */
static const struct {
	const char *name;
	u64 (*fn)(u64, u64, u64);
} calls[] = {
#define SYSCALL(number, name, argc) {#name, (u64(*)(u64, u64, u64))(void *)name},
#include "lib/syscalls.h"
#undef SYSCALL
};

/* Makes a call with one bad argument, or all bad, among two kinds of good ones. */
static void
call_badly(u64 (*fn)(u64, u64, u64), int fd, u64 bad)
{
	static char buf[64];

	for (int which = 0; which < 16; which++) {
		u64 good = which & 8 ? (u64)fd : (u64)buf, a[3];

		memset(buf, 0, sizeof(buf));
		strlcpy(buf, "/none/none", sizeof(buf));
		for (int i = 0; i < 3; i++)
			a[i] = which >> i & 1 ? bad : good;
		fn(a[0], a[1], a[2]);
	}
}

static void
call_all_badly(void)
{
	static const char *const not [] = {
		"exit", "fork", "poweroff", "kill", "sleep", "sbrk", "close"};
	int fd = open("/callargs", O_RDWR | O_CREATE | O_TRUNC);

	/* No call may wait for the console, or write nonsense there. */
	for (int i = 0; i < 3; i++) {
		close(i);
		open("/dev/null", O_RDWR);
	}
	for (size_t i = 0; i < NELEM(calls); i++) {
		bool skip = false;

		for (size_t k = 0; k < NELEM(not ); k++)
			skip |= strcmp(calls[i].name, not [k]) == 0;
		for (size_t k = 0; !skip && k < NELEM(bad_address); k++)
			call_badly(calls[i].fn, fd, bad_address[k]);
	}
}

void
test_callargs(void)
{
	check(in_child(call_all_badly) == 0,
		"callargs: bad addresses in every argument of every call");
	unlink("/callargs");
}

void
test_console(void)
{
	int ctl = open("/dev/consctl", O_WRONLY), child = open("/dev/consctl", O_WRONLY);

	check(write(ctl, "frobnicate", 10) == -EINVAL && write(ctl, "jobs", 4) == -EINVAL &&
			write(ctl, "job job job job job j", 21) == -EINVAL &&
			write(ctl, (void *)1, 3) == -EFAULT,
		"console: only the words that it knows");
	check(write(ctl, "nojob", 5) == 5 && write(child, "cooked", 6) == 6,
		"console: and those it knows");
}

void
test_sbrk(void)
{
	char *p = sbrk(0);
	bool good = (long)sbrk(1L << 40) == -ENOMEM && sbrk(0) == p;

	good &= (long)sbrk(1L << 30) == -ENOMEM && sbrk(0) == p; /* more than a program may have */
	good &= sbrk(8192) == p;
	if (good)
		p[0] = p[8191] = 1;
	check(good, "sbrk: what cannot be had changes nothing");
}

static char *given_back;

static void
touch_given_back(void)
{
	*(volatile char *)given_back = 1;
}

void
test_shrink(void)
{
	char *p = sbrk(0);
	bool good;

	sbrk(3 * PAGE_SIZE);
	p = (char *)ROUND_UP((u64)p, PAGE_SIZE);
	memset(p, 1, PAGE_SIZE);
	sbrk(-(long)((u64)sbrk(0) - (u64)p));
	check(sbrk(0) == p, "shrink: memory can be given back");
	given_back = p;
	check(in_child(touch_given_back) == 128 + 14, "shrink: and is then not there");
	good = sbrk(PAGE_SIZE) == p;
	check(good && p[0] == 0 && p[PAGE_SIZE - 1] == 0, "shrink: what comes back is empty");
	check((long)sbrk(-(1L << 30)) < 0 && (long)sbrk(INT64_MIN) < 0,
		"shrink: not below the program");
}

void
test_lazy(void)
{
	char *p = sbrk(16 * PAGE_SIZE) + PAGE_SIZE;
	int fd = open("/bin/sh", O_RDONLY), pipes[2];
	struct stat *st = (struct stat *)(p + 4 * PAGE_SIZE);

	check(read(fd, p, 2 * PAGE_SIZE) == 2 * (long)PAGE_SIZE && memcmp(p, "\177ELF", 4) == 0,
		"lazy: read() into memory that nobody has touched");
	check(fstat(fd, st) == 0 && st->type == T_FILE, "lazy: fstat()");
	pipe(pipes);
	check(write(pipes[1], p + 6 * PAGE_SIZE, 100) == 100 && read(pipes[0], p, 100) == 100 &&
			p[0] == 0 && p[99] == 0,
		"lazy: write() from it gives zeros");
}

static char cow_page[2 * PAGE_SIZE];
static int cow_fd;

static void
cow_child(void)
{
	exit(read(cow_fd, cow_page + PAGE_SIZE - 50, 100) != 100 || cow_page[PAGE_SIZE] == 'p');
}

void
test_cow(void)
{
	struct stat st;
	bool good = true;

	memset(cow_page, 'p', sizeof(cow_page));
	cow_fd = open("/bin/sh", O_RDONLY);
	check(in_child(cow_child) == 0, "cow: a system call writes to a shared page");
	for (size_t i = 0; i < sizeof(cow_page); i++)
		good &= cow_page[i] == 'p';
	check(good, "cow: and the other side does not see it");
	check(fstat(cow_fd, (struct stat *)(u64)test_cow) == -EFAULT && fstat(cow_fd, &st) == 0,
		"cow: read-only memory stays so");
}

void
test_wait(void)
{
	int status = 0, pid = fork();

	if (pid == 0)
		exit(77);
	check(wait(&status) == pid && status == 77, "wait: the status comes out");
	if ((pid = fork()) == 0)
		exit(0);
	check(wait(NULL) == pid, "wait: who does not care for the status");
	check(wait(&status) == -ECHILD, "wait: without children is an error");
	/* A grandchild whose parent is gone is init's; it must not come to us. */
	if (fork() == 0) {
		if (fork() == 0)
			sleep(20);
		exit(0);
	}
	wait(&status);
	check(wait(&status) == -ECHILD, "wait: grandchildren are not ours");
}

/* Makes a file of these bytes and executes it: the error. */
static int
exec_bytes(const void *bytes, size_t n)
{
	char *argv[] = {"/x", NULL};
	int fd = open("/x", O_WRONLY | O_CREATE | O_TRUNC), error;

	write(fd, bytes, n);
	close(fd);
	error = exec("/x", argv);
	unlink("/x");
	return error;
}

void
test_exec(void)
{
	char *argv[] = {"x", NULL};
	static u8 program[4096];
	int fd = open("/bin/echo", O_RDONLY);

	read(fd, program, sizeof(program));
	close(fd);
	check(exec("/none", argv) == -ENOENT && exec("/bin", argv) == -ENOEXEC &&
			exec("/dev/null", argv) < 0,
		"exec: nothing, a directory, a device");
	check(exec_bytes("", 0) == -ENOEXEC && exec_bytes("echo hello\n", 11) == -ENOEXEC,
		"exec: an empty file, a script");
	check(exec_bytes(program, 100) == -ENOEXEC &&
			exec_bytes(program, sizeof(program)) == -ENOEXEC,
		"exec: a program that is cut short");
	memset(program + 16, 0xff, 48);
	check(exec_bytes(program, sizeof(program)) == -ENOEXEC, "exec: a header of nonsense");
}

static char *long_argv[MAX_ARGS + 2];

static void
exec_long_argv(void)
{
	close(1);
	open("/dev/null", O_WRONLY);
	exit(-exec("/bin/echo", long_argv));
}

void
test_execargs(void)
{
	static char word[MAX_ARG_BYTES + 1];

	for (int i = 0; i < MAX_ARGS; i++)
		long_argv[i] = "word";
	check(in_child(exec_long_argv) == 0, "execargs: as many as there may be");
	long_argv[MAX_ARGS] = "word";
	check(in_child(exec_long_argv) == E2BIG, "execargs: one more is an error");
	memset(word, 'w', sizeof(word));
	long_argv[0] = word;
	long_argv[1] = NULL;
	word[MAX_ARG_BYTES - 1] = '\0';
	check(in_child(exec_long_argv) == 0, "execargs: as long as they may be");
	word[MAX_ARG_BYTES - 1] = 'w';
	word[MAX_ARG_BYTES] = '\0';
	check(in_child(exec_long_argv) == E2BIG, "execargs: longer is an error");
}

void
test_pipes(void)
{
	int fd[2], n = 0, error;

	while ((error = pipe(fd)) == 0)
		n++;
	check(n > 10 && error == -EMFILE, "pipes: until there are no descriptors left");
	while (dup(0) >= 0)
		;
	close(fd[0]);
	check(pipe(fd) == -EMFILE, "pipes: one descriptor is not enough");
}

/* A chain of pipes: each child adds one to every byte on its way. */
static bool
chain(int length, int bytes)
{
	int in = -1, fd[2], status, first[2], sum = 0;
	u8 c = 0;

	pipe(first);
	in = first[0];
	for (int i = 0; i < length; i++) {
		pipe(fd);
		if (fork() == 0) {
			close(first[1]);
			close(fd[0]);
			while (read(in, &c, 1) == 1) {
				c++;
				write(fd[1], &c, 1);
			}
			exit(0);
		}
		close(in);
		close(fd[1]);
		in = fd[0];
	}
	if (fork() == 0) {
		for (int i = 0; i < bytes; i++)
			write(first[1], &c, 1);
		exit(0);
	}
	close(first[1]);
	for (int i = 0; i < bytes && read(in, &c, 1) == 1; i++)
		sum += c == length;
	close(in);
	for (int i = 0; i <= length; i++)
		wait(&status);
	return sum == bytes;
}

void
test_pipestorm(void)
{
	check(chain(10, 20000), "pipestorm: 20,000 bytes through a chain of ten processes");
}

static int pipe_for_kill[2];

static int
spin(int how)
{
	char c;

	switch (how) {
	case 0:
		sleep(1000000);
		break;
	case 1:
		read(pipe_for_kill[0], &c, 1);
		break;
	case 2:
		while (write(pipe_for_kill[1], &c, 1) == 1)
			;
		break;
	case 3:
		if (fork() == 0)
			spin(0);
		wait(NULL);
		break;
	default:
		for (;;)
			asm volatile("pause");
	}
	return 0;
}

/* The pid of a program, by its line in /proc/ps, or -1. */
static int
pid_of(const char *name)
{
	struct reader r = {.fd = open("/proc/ps", O_RDONLY)};
	size_t n = strlen(name);
	int pid = -1;
	char *line;
	u64 value;

	while ((line = read_line(&r))) {
		size_t length = strlen(line);

		while (*line == ' ')
			line++, length--;
		if (length > n && strcmp(line + length - n, name) == 0 &&
			parse_number(line, &value))
			pid = value;
	}
	close(r.fd);
	return pid;
}

void
test_kill(void)
{
	static const char *const how[] = {"kill: a process that sleeps", "kill: that reads a pipe",
		"kill: that writes to a full one", "kill: that waits",
		"kill: that does nothing but run"};
	int pid, status, left;

	check(pid_of(" init") > 0 && kill(pid_of(" init")) == -EPERM, "kill: not init");
	check(kill(-1) == -ENOENT && kill(99999999) == -ENOENT && kill(0) == -ENOENT,
		"kill: no such process is an error");
	for (int i = 0; i < 5; i++) {
		pipe(pipe_for_kill);
		if ((pid = fork()) == 0)
			exit(spin(i));
		sleep(30);
		status = 0;
		check(kill(pid) == 0 && wait(&status) == pid && status != 0, how[i]);
		close(pipe_for_kill[0]);
		close(pipe_for_kill[1]);
	}
	/* What the fourth had started. */
	while ((left = pid_of(" usertests")) > getpid()) {
		kill(left);
		sleep(10);
	}
}

void
test_preempt(void)
{
	int pid[3], status, ended = 0;
	long start = uptime();

	for (int i = 0; i < 3; i++)
		if ((pid[i] = fork()) == 0)
			exit(spin(9));
	sleep(100);
	check(uptime() - start >= 100, "preempt: three that only run, and we go on");
	for (int i = 0; i < 3; i++)
		kill(pid[i]);
	while (wait(&status) > 0)
		ended++;
	check(ended == 3, "preempt: and they end");
}

static int
fork_leaf(int i)
{
	return 0;
}

static int
fork_branch(int i)
{
	return all_good(3, fork_leaf) != 3;
}

static int
fork_subtree(int i)
{
	int bad = 0;

	for (int k = 0; k < 10; k++)
		bad += all_good(3, fork_branch) != 3;
	return bad;
}

void
test_forkstorm(void)
{
	check(all_good(8, fork_subtree) == 8, "forkstorm: eight processes fork trees");
}

/* Takes memory until there is none, page by page. */
static int
take_all(int i)
{
	long n = 0;
	char *p;

	while ((long)(p = sbrk(64 * PAGE_SIZE)) > 0)
		for (size_t at = 0; at < 64 * PAGE_SIZE; at += PAGE_SIZE, n++)
			p[at] = 1;
	return n < 100;
}

void
test_memory(void)
{
	int pid, status = -1;

	if ((pid = fork()) == 0)
		exit(take_all(0));
	check(wait(&status) == pid && (status == 0 || status == 128 + 14),
		"memory: one process takes all");
	all_good(4, take_all);
	check(in_child(fork_all) == 0, "memory: four do, and there is enough again");
}
