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

/* Pages of memory that are free now. */
static u64
free_pages(void)
{
	char text[256] = "", *p = text;
	int fd = open("/proc/mem", O_RDONLY);
	u64 n = 0;

	read(fd, text, sizeof(text) - 1);
	close(fd);
	while (*p && strncmp(p, "\nFREE", 5) != 0)
		p++;
	for (p += *p ? 5 : 0; *p == ' ';)
		p++;
	parse_number(p, &n);
	return n;
}

static void
test_sbrk(void)
{
	char *p = sbrk(0);
	bool good = (long)sbrk(1L << 40) == -ENOMEM && (long)sbrk(-1) == -EINVAL && sbrk(0) == p;

	/* More than there is, or than a program may have. */
	good &= (long)sbrk(MIN((free_pages() + 1000) * 4096, 1UL << 30)) == -ENOMEM && sbrk(0) == p;
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
	check(kill(1) == -EPERM, "kill: init cannot be killed");
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

	check(chdir("/bin") == 0 && open("sh", O_RDONLY) >= 0 && open("../bin/./sh", O_RDONLY) >= 0,
		"path: from the current directory");
}

/* Writes n bytes of a pattern to a new file; 0 or an error. */
static int
make_file(const char *path, long n, int seed)
{
	static char buf[32768];
	int fd = open(path, O_WRONLY | O_CREATE | O_TRUNC);

	for (long at = 0; fd >= 0 && at < n;) {
		long k = n - at < (long)sizeof(buf) ? n - at : (long)sizeof(buf);
		for (long i = 0; i < k; i++)
			buf[i] = (at + i) * 31 + (at + i) / 4096 + seed;
		k = write(fd, buf, k);
		if (k <= 0) {
			close(fd);
			return k ? k : -EIO;
		}
		at += k;
	}
	return fd < 0 ? fd : close(fd);
}

/* Whether a file holds just that. */
static bool
holds(const char *path, long n, int seed)
{
	static char buf[32768];
	int fd = open(path, O_RDONLY);
	long at = 0, k;
	bool good = fd >= 0;

	while (good && (k = read(fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < k; i++)
			good &= buf[i] == (char)((at + i) * 31 + (at + i) / 4096 + seed);
		at += k;
	}
	close(fd);
	return good && at == n;
}

static void
test_write(void)
{
	static const long sizes[] = {0, 1, 4095, 4096, 4097, 49152, 49153, 300000};
	bool good = true;
	char buf[8];
	int fd;

	for (size_t i = 0; i < NELEM(sizes); i++)
		good &= make_file("/t", sizes[i], i) == 0 && holds("/t", sizes[i], i);
	check(good, "write: files of all sizes read back, each over the one before");
	check(make_file("/big", 5 << 20, 3) == 0 && holds("/big", 5 << 20, 3),
		"write: 5 MiB, through the double indirect block");
	fd = open("/t", O_RDWR | O_TRUNC);
	lseek(fd, 100000, SEEK_SET);
	write(fd, "end", 3);
	lseek(fd, 50000, SEEK_SET);
	check(read(fd, buf, 8) == 8 && buf[0] == 0 && buf[7] == 0, "write: a hole reads as zeros");
	check(fsync(fd) == 0 && fsync(31) == -EBADF, "fsync");
	close(fd);
	check(unlink("/t") == 0 && unlink("/big") == 0 && open("/t", O_RDONLY) == -ENOENT,
		"unlink: it is gone");
}

static void
test_names(void)
{
	struct stat st;
	char buf[8];
	int fd;

	make_file("/one", 5, 1);
	check(link("/one", "/two") == 0 && unlink("/one") == 0 && holds("/two", 5, 1),
		"link: the other name remains");
	check(link("/two", "/two") == -EEXIST && link("/none", "/x") == -ENOENT &&
			link("/bin", "/x") == -EISDIR,
		"link: errors");
	fd = open("/two", O_RDONLY);
	unlink("/two");
	check(read(fd, buf, 8) == 5 && fstat(fd, &st) == 0 && st.nlink == 0,
		"unlink: an open file lives until it is closed");
	close(fd);
	check(mkdir("/d") == 0 && mkdir("/d") == -EEXIST && mkdir("/d/e") == 0 &&
			mkdir("/none/x") == -ENOENT,
		"mkdir");
	check(make_file("/d/e/f", 10, 2) == 0 && holds("/d/../d/e/./f", 10, 2),
		"mkdir: a file in it");
	check(unlink("/d") == -EBUSY && unlink("/d/e") == -EBUSY,
		"unlink: a directory in use stays");
	check(unlink("/d/.") == -EINVAL && unlink("/d/e/..") == -EINVAL && unlink("/") == -EINVAL,
		"unlink: not . or .. or the root");
	chdir("/d/e");
	unlink("/d/e/f");
	check(unlink("/d/e") == 0 && make_file("g", 1, 1) == -ENOENT && mkdir("h") == -ENOENT,
		"unlink: nothing is made in a directory that is gone");
	chdir("/");
	check(unlink("/d") == 0, "unlink: and its parent can go");
	check(open("/bin", O_WRONLY) == -EISDIR, "open: a directory is not written");
}

/* Free blocks, counted by filling the disk and emptying it again. */
static int
fill_disk(void)
{
	int error = make_file("/fill", 1L << 30, 0);
	int fd = open("/fill", O_RDONLY);
	struct stat st;

	fstat(fd, &st);
	close(fd);
	unlink("/fill");
	return error == -ENOSPC ? (int)(st.size / 4096) : -1;
}

static void
test_full(void)
{
	int before = fill_disk(), n = 0, made, gone = 0;
	char name[16];

	check(before > 100, "full: the disk's end is an error");
	mkdir("/full");
	do {
		snprintf(name, sizeof(name), "/full/n%d", n);
		made = open(name, O_WRONLY | O_CREATE);
		close(made);
	} while (made >= 0 && ++n < 2000);
	check(made == -ENOSPC && n > 100, "full: no more inodes is an error");
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "/full/n%d", i);
		gone += unlink(name) == 0;
	}
	check(gone == n, "full: and all of them can be removed");
	check(unlink("/full") == 0 && fill_disk() == before, "full: every block came back");
}

/* Four processes make, write, read and remove files in one directory. */
static void
test_together(void)
{
	int status, good = 0;
	char name[16];

	mkdir("/w");
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			int bad = 0;
			for (int k = 0; k < 15; k++) {
				snprintf(name, sizeof(name), "/w/%d-%d", i, k % 5);
				bad += make_file(name, 5000 * i + 700 * k, k) != 0;
				bad += !holds(name, 5000 * i + 700 * k, k);
				bad += k % 2 && unlink(name) != 0;
			}
			for (int k = 0; k < 5; k++) {
				snprintf(name, sizeof(name), "/w/%d-%d", i, k);
				unlink(name);
			}
			exit(bad);
		}
	}
	for (int i = 0; i < 4; i++)
		good += wait(&status) > 0 && status == 0;
	check(good == 4 && unlink("/w") == 0, "together: four processes in one directory");
}

static const struct {
	const char *name;
	void (*fn)(void);
} table[] = {{"write", test_write}, {"names", test_names}, {"full", test_full},
	{"together", test_together}, {"pointers", test_pointers}, {"descriptors", test_descriptors},
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
