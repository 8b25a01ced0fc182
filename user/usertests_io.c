/*
 * Of usertests: asynchronous I/O on a disk. The root disk (mounted, so only to be read); and where
 * there is a second one, slow and of zeroes (tests/cases/aio.sh), what is under way for long.
 */
#include "user/usertests.h"

/* From START on there is a file of the image that nobody writes to. */
enum { BLOCK = 4096, N = MAX_IO, START = 1 << 20 };

static char *buffer; /* N blocks, on page boundaries; and one block more */
static struct io_request list[N + 1];
static struct io_result result[N + 1];

/* Requests to read the first n blocks from START on into the buffer. */
static void
fill_list(int n)
{
	if (!buffer) {
		long at = (long)sbrk((N + 2) * BLOCK);

		buffer = (char *)((at + BLOCK - 1) & -(long)BLOCK);
	}
	for (int i = 0; i < n; i++)
		list[i] = (struct io_request){
			buffer + i * BLOCK, START + i * BLOCK, BLOCK, 0, 1000 + i};
}

static int
open_disk(void)
{
	int fd = open("/dev/nvme1", O_RDWR);

	return fd >= 0 ? fd : open("/dev/nvme0", O_RDWR);
}

/* Whether the buffer's first n blocks are those that read() finds. */
static bool
as_read(int n)
{
	static char block[BLOCK];
	int fd = open("/dev/nvme0", O_RDONLY);
	bool good = true;

	for (int i = 0; i < n; i++)
		good &= pread(fd, block, BLOCK, START + i * BLOCK) == BLOCK &&
			memcmp(block, buffer + i * BLOCK, BLOCK) == 0;
	close(fd);
	return good;
}

/* One request that is wrong: what submit says. */
static int
refused(int fd, struct io_request q)
{
	int err = submit(fd, &q, 1);

	return err == 1 ? collect(fd, result, 1, 1) : err;
}

void
test_aio(void)
{
	int fd = open("/dev/nvme0", O_RDONLY), n = 0, k;
	u64 tags = 0;
	bool good = true;

	fill_list(N);
	check(submit(fd, list, 20) == 20 && submit(fd, list + 20, N - 20) == N - 20,
		"aio: as many as may be under way");
	while (n < N && (k = collect(fd, result, N, 1)) > 0) {
		for (int i = 0; i < k; i++) {
			good &= result[i].result == BLOCK && result[i].tag - 1000 < N;
			tags |= 1UL << (result[i].tag - 1000);
		}
		n += k;
	}
	check(n == N && good && !~tags, "aio: each is done, once");
	check(as_read(N), "aio: and has read what read() reads");
	check(collect(fd, result, N, N) == 0, "aio: where nothing is under way nobody waits");
	check(submit(fd, list, N) == N && submit(fd, list, 1) == -EAGAIN,
		"aio: one too many is an error");
	check(collect(fd, result, 10, 10) == 10 && submit(fd, list, N) == 10, "aio: for a while");
	check(collect(fd, result, N, N) == N, "aio: all at once");
	list[0] = (struct io_request){buffer + 512, START + 512, 4 * BLOCK, 0, 7};
	list[1] = (struct io_request){buffer, START, 512, 0, 8};
	memset(buffer, 0, 6 * BLOCK);
	good = submit(fd, list, 2) == 2 && collect(fd, result, 2, 2) == 2;
	n = open("/dev/nvme0", O_RDONLY);
	good &= pread(n, buffer + 8 * BLOCK, 512, START) == 512 &&
		pread(n, buffer + 9 * BLOCK, 4 * BLOCK, START + 512) == 4 * BLOCK &&
		memcmp(buffer, buffer + 8 * BLOCK, 512) == 0 &&
		memcmp(buffer + 512, buffer + 9 * BLOCK, 4 * BLOCK) == 0 &&
		!buffer[4 * BLOCK + 512];
	check(good, "aio: blocks within pages, and over several");
	close(n);
	close(fd);
}

void
test_aioerrors(void)
{
	static const u64 bad[] = {0, 0x200, 0x7fffffffe000 + 0x2000, 0x8000000000000000,
		0xffff800000001000, 0xffffffff80000000, 0xfffffffffffff000, 0x300000000000};
	int fd = open("/dev/nvme0", O_RDWR), null = open("/dev/null", O_RDWR), ro, wo;
	struct stat st;
	bool good = true;

	fill_list(N);
	fstat(fd, &st);
	ro = open("/dev/nvme0", O_RDONLY);
	wo = open("/dev/nvme0", O_WRONLY);
	for (size_t i = 0; i < NELEM(bad); i++) {
		good &= refused(fd, (struct io_request){(void *)bad[i], 0, BLOCK, 0, 0}) == -EFAULT;
		good &= submit(fd, (void *)bad[i], 1) == -EFAULT;
	}
	check(good, "aio: a bad address is an error");
	check(refused(fd, (struct io_request){(void *)test_aio, 0, 0, 0, 0}) == -EINVAL &&
			refused(fd, (struct io_request){(void *)((long)test_aio & -BLOCK), 0, BLOCK,
					    0, 0}) == -EFAULT,
		"aio: what the process may not write to, a disk may not");
	check(refused(fd, (struct io_request){(void *)0x7fffffeff000, 0, 2 * BLOCK, 0, 0}) ==
			-EFAULT,
		"aio: half of a buffer is not enough");
	good = true;
	for (int i = 1; i < BLOCK; i = i * 2 + (i == 256)) {
		if (i % 512 == 0)
			continue;
		good &= refused(fd, (struct io_request){buffer + i, 0, BLOCK, 0, 0}) == -EINVAL;
		good &= refused(fd, (struct io_request){buffer, i, BLOCK, 0, 0}) == -EINVAL;
		good &= refused(fd, (struct io_request){buffer, 0, i, 0, 0}) == -EINVAL;
	}
	check(good && refused(fd, (struct io_request){buffer, 0, 0, 0, 0}) == -EINVAL &&
			refused(fd, (struct io_request){buffer, 0, 1 << 30, 0, 0}) == -EINVAL &&
			refused(fd, (struct io_request){buffer, 0, BLOCK, 2, 0}) == -EINVAL,
		"aio: whole blocks only");
	check(refused(fd, (struct io_request){buffer, st.size, BLOCK, 0, 0}) == -ERANGE &&
			refused(fd, (struct io_request){buffer, st.size - 512, BLOCK, 0, 0}) ==
				-ERANGE &&
			refused(fd, (struct io_request){buffer, -512UL, BLOCK, 0, 0}) == -ERANGE,
		"aio: beyond the disk's end");
	list[3].bytes = 100;
	check(submit(fd, list, 5) == 3 && collect(fd, result, N, 3) == 3 &&
			submit(fd, list + 3, 2) == -EINVAL,
		"aio: what comes before one that is wrong is begun");
	check(refused(fd, (struct io_request){buffer, 0, BLOCK, 1, 0}) == -EBUSY &&
			refused(ro, (struct io_request){buffer, 0, BLOCK, 1, 0}) == -EBADF &&
			submit(wo, list, 1) == -EBADF && submit(77, list, 1) == -EBADF,
		"aio: a mounted disk is not written to, nor a file that is open for reading");
	check(submit(null, list, 1) == -EINVAL && collect(null, result, 1, 0) == -EINVAL &&
			submit(fd, list, N + 1) == -EINVAL && collect(fd, result, 2, 3) == -EINVAL,
		"aio: disks only, and so many");
	check(submit(fd, list, 1) == 1 && collect(fd, (void *)8, 1, 1) == -EFAULT &&
			collect(fd, result, 1, 1) == 0,
		"aio: results need a place");
	close(fd), close(null), close(ro), close(wo);
}

/* Has each CPU's queue of each disk used once: what it takes for that it keeps. */
void
warm_disks(void)
{
	fill_list(N);
	for (int i = 0; i < 16; i++)
		if (fork() == 0) {
			exit(submit(
				open(i / 4 % 2 ? "/dev/nvme1" : "/dev/nvme0", O_RDONLY), list, N));
		}
	while (wait(NULL) > 0)
		;
}

/* A child that has I/O under way and ends as `how` says. */
static int
leave(int how)
{
	static char *const argv[] = {"/bin/echo", "aio: another program", NULL};
	int fd = open_disk();

	buffer = NULL; /* another one, at the end of the heap */
	fill_list(N);
	if (submit(fd, list, N) != N)
		return 1;
	switch (how) {
	case 0: /* exits */
		return 0;
	case 1: /* closes */
		return close(fd);
	case 2: /* is another program */
		exec(argv[0], argv);
		return 1;
	case 3: /* gives the memory back, and takes it again */
		sbrk(-(N * BLOCK));
		memset(sbrk(N * BLOCK), 1, N * BLOCK);
		fd = collect(fd, result, N, N);
		for (int i = 0; i < (N - 2) * BLOCK; i++)
			if (buffer[i + 2 * BLOCK] != 1)
				return 1;
		return fd != N;
	default: /* is killed: waiting, or running */
		for (;;)
			if (how == 4)
				collect(fd, result, N, N);
	}
}

void
test_aioend(void)
{
	static const char *const how[] = {"aio: exit while it is under way", "aio: close",
		"aio: exec", "aio: memory given back is not written to",
		"aio: killed while it waits", "aio: killed while it is under way"};
	int status, pid;

	for (int i = 0; i < 6; i++) {
		if ((pid = fork()) == 0)
			exit(leave(i));
		if (i > 3) {
			sleep(i == 4 ? 2 : 1);
			kill(pid);
		}
		check(wait(&status) == pid && (i > 3 ? status == -1 : status == 0), how[i]);
	}
}

/* Whether the last n blocks of the buffer are all that. */
static bool
is_all(char c, int n)
{
	for (int i = (N - n) * BLOCK; i < N * BLOCK; i++)
		if (buffer[i] != c)
			return false;
	return true;
}

/*
 * A fork while the disk has all of the buffer to fill: whether the child, in which nothing ever
 * arrives, has it as it was. It is tried again if the disk was faster than the fork.
 */
static bool
fork_under_way(int fd, bool slow)
{
	int pid, status = 1;

	memset(buffer, 'p', N * BLOCK);
	if (submit(fd, list, N) != N)
		return false;
	if ((pid = fork()) == 0) {
		char last = buffer[(N - 1) * BLOCK];

		sleep(200);
		exit(buffer[(N - 1) * BLOCK] != last || (slow && !is_all('p', N / 2)));
	}
	return collect(fd, result, N, N) == N && wait(&status) == pid && status == 0;
}

void
test_aiofork(void)
{
	int fd = open_disk(), pid, status, tries = 10;
	bool slow = open("/dev/nvme1", O_RDONLY) >= 0;

	fill_list(N);
	while (!fork_under_way(fd, slow) && --tries)
		;
	check(tries > 0, "aio: a child has the pages as they were");
	check(slow ? is_all(0, N) : as_read(N), "aio: and the parent what has arrived");
	/* Pages shared with a child: who asks for them to be filled gets his own. */
	memset(buffer, 'q', N * BLOCK);
	if ((pid = fork()) == 0) {
		sleep(200);
		exit(!is_all('q', N));
	}
	check(submit(fd, list, N) == N && collect(fd, result, N, N) == N && wait(&status) == pid &&
			status == 0,
		"aio: nor is what a child shares written to");
	check(slow ? is_all(0, N) : as_read(N), "aio: but what the parent has");
	/* A file that two processes have open: one submits, the other collects. */
	memset(buffer, 'r', N * BLOCK);
	if (fork() == 0)
		exit(submit(fd, list, N) != N);
	wait(&status);
	check(status == 0 && collect(fd, result, N, N) == N && is_all('r', N),
		"aio: what a child has begun can be collected");
	close(fd);
}
