/*
 * SYSCALL(number, name, argument count): the one list of system calls. It makes the kernel's
 * table and the stubs of user programs.
 *
 * A program puts the number in RAX and up to six arguments in RDI, RSI, RDX, R10, R8, R9; RAX
 * returns the result, or minus an error number.
 */
SYSCALL(1, exit, 1)      /* void exit(int status): never returns */
SYSCALL(2, fork, 0)      /* int fork(void): 0 in the child, its pid in the parent */
SYSCALL(3, wait, 1)      /* int wait(int *status): pid of a child that ended */
SYSCALL(4, exec, 2)      /* int exec(const char *path, char *const argv[]) */
SYSCALL(5, read, 3)      /* ssize_t read(int fd, void *buf, size_t n) */
SYSCALL(6, write, 3)     /* ssize_t write(int fd, const void *buf, size_t n) */
SYSCALL(7, open, 2)      /* int open(const char *path, int flags) */
SYSCALL(8, close, 1)     /* int close(int fd) */
SYSCALL(9, dup, 1)       /* int dup(int fd): lowest free descriptor */
SYSCALL(10, pipe, 1)     /* int pipe(int fd[2]) */
SYSCALL(11, getpid, 0)   /* int getpid(void) */
SYSCALL(12, kill, 1)     /* int kill(int pid) */
SYSCALL(13, sleep, 1)    /* int sleep(unsigned milliseconds) */
SYSCALL(14, uptime, 0)   /* long uptime(void): milliseconds since boot */
SYSCALL(15, sbrk, 1)     /* void *sbrk(long increment): the old break */
SYSCALL(16, chdir, 1)    /* int chdir(const char *path) */
SYSCALL(17, fstat, 2)    /* int fstat(int fd, struct stat *) */
SYSCALL(18, lseek, 3)    /* long lseek(int fd, long offset, int whence) */
SYSCALL(19, poweroff, 2) /* int poweroff(int how, int status): how 0 = ACPI, 1 = debug-exit port */
SYSCALL(20, mkdir, 1)    /* int mkdir(const char *path) */
SYSCALL(21, unlink, 1)   /* int unlink(const char *path): a file, or an empty directory */
SYSCALL(22, link, 2)     /* int link(const char *old, const char *path) */
SYSCALL(23, fsync, 1)    /* int fsync(int fd): all that was written is on the disk */
SYSCALL(24, pread, 4)    /* ssize_t pread(int fd, void *buf, size_t n, long offset) */
SYSCALL(25, pwrite, 4)   /* ssize_t pwrite(int fd, const void *buf, size_t n, long offset) */
SYSCALL(26, submit,
	3) /* int submit(int fd, const struct io_request *, unsigned n): so many begin */
SYSCALL(27, collect, 4) /* int collect(int fd, struct io_result *, unsigned max, unsigned min) */
