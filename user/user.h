/* What a user program may call: the system calls, and a small library. */
#pragma once

#include "lib/abi.h"
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

typedef long ssize_t;

/* System calls (lib/syscalls.h says what each does). All return minus an error number. */
NORETURN void exit(int status);
int fork(void);
int wait(int *status);
int exec(const char *path, char *const argv[]);
ssize_t read(int fd, void *buf, size_t n);
ssize_t write(int fd, const void *buf, size_t n);
int open(const char *path, int flags);
int close(int fd);
int dup(int fd);
int pipe(int fd[2]);
int getpid(void);
int kill(int pid);
int sleep(unsigned milliseconds);
long uptime(void);
void *sbrk(long increment);
int chdir(const char *path);
int fstat(int fd, struct stat *st);
long lseek(int fd, long offset, int whence);
ssize_t pread(int fd, void *buf, size_t n, long offset);
ssize_t pwrite(int fd, const void *buf, size_t n, long offset);
int poweroff(int how, int status);
int mkdir(const char *path);
int unlink(const char *path);
int link(const char *old, const char *path);
int fsync(int fd);
int submit(int fd, const struct io_request *list, unsigned n);
int collect(int fd, struct io_result *list, unsigned max, unsigned min);

/* The number that s begins with, in *value; returns what follows it, NULL if there is none. */
static inline const char *
parse_number(const char *s, u64 *value)
{
	return parse_u64(&s, value) ? s : NULL;
}

/* Memory. */
void *malloc(size_t n);
void *alloc(size_t n);
void *realloc(void *p, size_t n);
void free(void *p);

/* Printing (lib/format.h says how). */
void fprintf(int fd, const char *format, ...) PRINTF(2, 3);
void printf(const char *format, ...) PRINTF(1, 2);
void warn(const char *format, ...) PRINTF(1, 2);
NORETURN void die(const char *format, ...) PRINTF(1, 2);

/* Files. */
struct reader {
	int fd;
	int error; /* 0, or what the read() that ended the lines returned */
	size_t at, have;
	char *line;
	size_t room;
	char buf[4096];
};

char *read_line(struct reader *r);
ssize_t read_full(int fd, void *buf, size_t n);
int write_full(int fd, const void *buf, size_t n);
char *read_all(int fd, size_t *length);
int open_input(const char *name);

/* Program start and arguments. */
extern const char *program_name;
extern const char usage_text[]; /* each program has its own */

int main(int argc, char **argv);
NORETURN void usage(int status);
int next_option(char ***args, const char *known, char **value);
u64 number_argument(const char *s);
