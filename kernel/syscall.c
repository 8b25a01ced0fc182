/* System calls: the table, and the calls that are only a shell around something else. */
#include "hal/platform.h"
#include "hal/timer.h"
#include "kernel/devfs.h"
#include "kernel/file.h"
#include "kernel/kalloc.h"
#include "kernel/fs.h"

static s64
sys_exit(u64 status, u64 b, u64 c)
{
	proc_exit((int)status);
}

static s64
sys_fork(u64 a, u64 b, u64 c)
{
	return proc_fork();
}

static s64
sys_wait(u64 user_status, u64 b, u64 c)
{
	int status, pid = proc_wait(&status);

	if (pid > 0 && user_status && copy_out(user_status, &status, sizeof(status)))
		return -EFAULT;
	return pid;
}

/* Copies argv in: pointers to the strings, which lie behind each other in `bytes`. */
static int
copy_in_argv(u64 user_argv, char *argv[MAX_ARGS + 1], char *bytes)
{
	size_t used = 0;

	for (int i = 0; i <= MAX_ARGS; i++) {
		u64 user_string;
		int n;

		if (copy_in(&user_string, user_argv + i * sizeof(u64), sizeof(u64)))
			return -EFAULT;
		argv[i] = NULL;
		if (!user_string)
			return 0;
		if (i == MAX_ARGS)
			break;
		n = copy_in_string(bytes + used, user_string, MAX_ARG_BYTES - used);
		if (n < 0)
			return n == -ENAMETOOLONG ? -E2BIG : n;
		argv[i] = bytes + used;
		used += n + 1;
	}
	return -E2BIG;
}

static s64
sys_exec(u64 user_path, u64 user_argv, u64 c)
{
	char path[MAX_PATH], *argv[MAX_ARGS + 1], *bytes;
	s64 err = copy_in_string(path, user_path, sizeof(path));

	if (err < 0)
		return err;
	if (!(bytes = kmalloc(MAX_ARG_BYTES)))
		return -ENOMEM;
	err = copy_in_argv(user_argv, argv, bytes);
	if (!err)
		err = exec(path, argv);
	kfree(bytes);
	return err;
}

static struct file *
fd_file(u64 fd)
{
	return fd < MAX_FILES ? current()->file[fd] : NULL;
}

/* Puts f into the lowest free descriptor; closes it if there is none. */
static s64
fd_install(struct file *f)
{
	for (int fd = 0; fd < MAX_FILES; fd++) {
		if (!current()->file[fd]) {
			current()->file[fd] = f;
			return fd;
		}
	}
	file_close(f);
	return -EMFILE;
}

/* `at`: at the offset that the program has put into R10, its fourth argument. */
#define RW_CALL(name, write, at)                                                    \
	static s64 sys_##name(u64 fd, u64 buf, u64 n)                               \
	{                                                                           \
		const u64 *pos = at ? &current()->tf->r10 : NULL;                   \
		struct file *f = fd_file(fd);                                       \
		return f ? file_rw(f, write, buf, MIN(n, 1UL << 30), pos) : -EBADF; \
	}
RW_CALL(read, false, false)
RW_CALL(write, true, false)
RW_CALL(pread, false, true)
RW_CALL(pwrite, true, true)

static s64
sys_open(u64 user_path, u64 flags, u64 c)
{
	char path[MAX_PATH];
	struct file *f;
	s64 err = copy_in_string(path, user_path, sizeof(path));

	if (err < 0 || (err = file_open(path, (int)flags, &f)))
		return err;
	return fd_install(f);
}

static s64
sys_close(u64 fd, u64 b, u64 c)
{
	struct file *f = fd_file(fd);

	if (!f)
		return -EBADF;
	current()->file[fd] = NULL;
	file_close(f);
	return 0;
}

static s64
sys_dup(u64 fd, u64 b, u64 c)
{
	struct file *f = fd_file(fd);

	return f ? fd_install(file_ref(f)) : -EBADF;
}

static s64
sys_pipe(u64 user_fds, u64 b, u64 c)
{
	struct file *f[2];
	int fd[2], err = pipe_create(f);

	if (err)
		return err;
	fd[0] = fd_install(f[0]);
	fd[1] = fd_install(f[1]);
	if (fd[0] >= 0 && fd[1] >= 0 && copy_out(user_fds, fd, sizeof(fd)) == 0)
		return 0;
	err = fd[0] < 0 || fd[1] < 0 ? -EMFILE : -EFAULT;
	for (int i = 0; i < 2; i++)
		if (fd[i] >= 0)
			sys_close(fd[i], 0, 0);
	return err;
}

static s64
sys_getpid(u64 a, u64 b, u64 c)
{
	return current()->pid;
}

static s64
sys_kill(u64 pid, u64 b, u64 c)
{
	return pid <= 0x7fffffff ? proc_kill((int)pid) : -ENOENT;
}

static s64
sys_sleep(u64 ms, u64 b, u64 c)
{
	sleep_ms((u32)ms);
	return current()->killed ? -EINTR : 0;
}

static s64
sys_uptime(u64 a, u64 b, u64 c)
{
	return timer_ns() / 1000000;
}

static s64
sys_sbrk(u64 increment, u64 b, u64 c)
{
	struct aspace *as = &current()->as;
	u64 old = as->brk;

	if ((s64)increment < 0) {
		if (-increment > old - as->heap)
			return -EINVAL;
		aspace_shrink(as, old + increment);
		return old;
	}
	/* Promised now, given when it is touched; but not more than there is. */
	if (increment > USER_HEAP_END - old || increment >> PAGE_SHIFT > frame_count(FRAME_FREE))
		return -ENOMEM;
	as->brk += increment;
	return old;
}

static s64
sys_chdir(u64 user_path, u64 b, u64 c)
{
	char path[MAX_PATH];
	struct inode *ip;
	struct stat st;
	s64 err = copy_in_string(path, user_path, sizeof(path));

	if (err < 0 || (err = fs_lookup(path, &ip)))
		return err;
	inode_stat(ip, &st);
	if (st.type != T_DIR) {
		inode_put(ip);
		return -ENOTDIR;
	}
	inode_put(current()->cwd);
	current()->cwd = ip;
	return 0;
}

static s64
sys_fstat(u64 fd, u64 user_stat, u64 c)
{
	struct file *f = fd_file(fd);
	struct stat st;

	if (!f)
		return -EBADF;
	file_stat(f, &st);
	return copy_out(user_stat, &st, sizeof(st));
}

static s64
sys_lseek(u64 fd, u64 offset, u64 whence)
{
	struct file *f = fd_file(fd);

	return f ? file_seek(f, offset, (int)whence) : -EBADF;
}

static s64
sys_mkdir(u64 user_path, u64 b, u64 c)
{
	char path[MAX_PATH];
	struct inode *ip;
	s64 err = copy_in_string(path, user_path, sizeof(path));

	if (err < 0 || (err = fs_create(path, T_DIR, &ip)))
		return err;
	inode_put(ip);
	return 0;
}

static s64
sys_unlink(u64 user_path, u64 b, u64 c)
{
	char path[MAX_PATH];
	s64 err = copy_in_string(path, user_path, sizeof(path));

	return err < 0 ? err : fs_unlink(path);
}

static s64
sys_link(u64 user_old, u64 user_path, u64 c)
{
	char old[MAX_PATH], path[MAX_PATH];
	s64 err = copy_in_string(old, user_old, sizeof(old));

	if (err >= 0)
		err = copy_in_string(path, user_path, sizeof(path));
	return err < 0 ? err : fs_link(old, path);
}

static s64
sys_fsync(u64 fd, u64 b, u64 c)
{
	return fd_file(fd) ? log_sync() : -EBADF;
}

/* A device file that has asynchronous I/O; else NULL, and *err. */
static struct file *
async_file(u64 fd, s64 *err)
{
	struct file *f = fd_file(fd);

	*err = f && f->readable ? -EINVAL : -EBADF;
	return f && f->readable && f->kind == FILE_DEV && f->dev->ops->submit ? f : NULL;
}

static s64
sys_submit(u64 fd, u64 user_list, u64 n)
{
	s64 err;
	struct file *f = async_file(fd, &err);

	return f && n && n <= MAX_IO
		       ? f->dev->ops->submit(f->dev->dev, f->state, user_list, n, f->writable)
		       : err;
}

static s64
sys_collect(u64 fd, u64 user_list, u64 max)
{
	const u64 min = current()->tf->r10;
	s64 err;
	struct file *f = async_file(fd, &err);

	return f && max <= MAX_IO && min <= max
		       ? f->dev->ops->collect(f->dev->dev, f->state, user_list, max, min)
		       : err;
}

static s64
sys_poweroff(u64 how, u64 status, u64 c)
{
	if (how > 1)
		return -EINVAL;
	log_sync();
	if (how == 1)
		platform_debug_exit((u32)status);
	platform_poweroff();
	return -ENODEV;
}

static s64 (*const table[])(u64 a, u64 b, u64 c) = {
#define SYSCALL(number, name, argc) [number] = sys_##name,
#include "lib/syscalls.h"
#undef SYSCALL
};

/* From entry.S, interrupts on. A call that does not exist is an error, not the process's end. */
void
syscall(struct trapframe *tf)
{
	if (tf->error < NELEM(table) && table[tf->error])
		tf->rax = table[tf->error](tf->rdi, tf->rsi, tf->rdx);
	else
		tf->rax = -ENOSYS;
	if (current()->killed)
		proc_exit(-1);
}
