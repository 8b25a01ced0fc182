/*
 * What the kernel and user programs agree on: error numbers, open flags, and the structures that
 * system calls fill in. Error numbers are Linux's, so that a reader need not learn others.
 */
#pragma once

#include "lib/types.h"

/* X(name, number, text): the one list behind the enum and strerror(). */
#define ERRNO_LIST(X)                         \
	X(EPERM, 1, "denied by policy")       \
	X(ENOENT, 2, "no such file or entry") \
	X(EINTR, 4, "interrupted")            \
	X(EIO, 5, "input/output error")       \
	X(E2BIG, 7, "argument list too long") \
	X(ENOEXEC, 8, "not an executable")    \
	X(EBADF, 9, "bad file descriptor")    \
	X(ECHILD, 10, "no children")          \
	X(EAGAIN, 11, "try again")            \
	X(ENOMEM, 12, "out of memory")        \
	X(EACCES, 13, "not yours")            \
	X(EFAULT, 14, "bad address")          \
	X(EBUSY, 16, "in use")                \
	X(EEXIST, 17, "exists already")       \
	X(ENODEV, 19, "no such device")       \
	X(ENOTDIR, 20, "not a directory")     \
	X(EISDIR, 21, "is a directory")       \
	X(EINVAL, 22, "invalid argument")     \
	X(EMFILE, 24, "too many open files")  \
	X(EFBIG, 27, "file too large")        \
	X(ENOSPC, 28, "no space left")        \
	X(ESPIPE, 29, "cannot seek")          \
	X(EROFS, 30, "read-only file system") \
	X(EPIPE, 32, "broken pipe")           \
	X(ERANGE, 34, "out of range")         \
	X(ENAMETOOLONG, 36, "name too long")  \
	X(ENOSYS, 38, "no such call")         \
	X(ETIMEDOUT, 110, "timed out")        \
	X(EDQUOT, 122, "over quota")

enum {
#define X(name, number, text) name = number,
	ERRNO_LIST(X)
#undef X
};

/* open() flags. */
enum { O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_CREATE = 0x40, O_TRUNC = 0x200 };

/* lseek() whence. */
enum { SEEK_SET, SEEK_CUR, SEEK_END };

/* File types, in struct stat and on disk. */
enum { T_FREE, T_DIR, T_FILE, T_DEV };

struct stat {
	u32 ino;
	u16 type; /* T_* */
	u16 nlink;
	u64 size; /* bytes */
};

/* One directory entry, as read() of a directory returns it and as it stands on disk. */
#define NAME_MAX 59
struct dirent {
	u32 ino; /* 0: free slot */
	char name[NAME_MAX + 1];
};

_Static_assert(sizeof(struct dirent) == 64, "a block holds a whole number of entries");

/* submit(): one request on a disk's file. Place, offset and length are whole blocks of the disk. */
struct io_request {
	void *buf;
	u64 offset; /* bytes */
	u32 bytes;
	u32 write; /* 0: read, 1: write */
	u64 tag;   /* comes back with the result */
};
/* collect(): what has become of one. */
struct io_result {
	u64 tag;
	s64 result; /* bytes, or minus an error number */
};

enum {
	MAX_ARGS = 32,        /* argv entries of exec */
	MAX_ARG_BYTES = 3072, /* all argv strings together, with their NULs */
	MAX_PATH = 256,
	MAX_FILES = 32, /* open files of a process */
	MAX_IO = 64,    /* requests under way in a file */
};
