/* Open files: inodes, pipes and device files behind one interface. */
#pragma once

#include "kernel/proc.h"

struct devfile;
struct inode;
struct pipe;

struct file {
	enum { FILE_INODE, FILE_PIPE, FILE_DEV } kind;
	int refs;
	bool readable, writable;
	u64 pos; /* bytes; under `lock` for inodes, which processes may read side by side */
	struct mutex lock;
	struct inode *inode;
	struct pipe *pipe;
	struct devfile *dev;
	void *state; /* of the device's open() */
};

int file_open(const char *path, int flags, struct file **f);
struct file *file_ref(struct file *f);
void file_close(struct file *f);
/* Reads or writes: at *pos, or if that is NULL at the file's own position, which then moves. */
s64 file_rw(struct file *f, bool write, u64 user_buf, size_t n, const u64 *pos);
s64 file_seek(struct file *f, s64 offset, int whence);
void file_stat(struct file *f, struct stat *st);

int pipe_create(struct file *f[2]);
void pipe_close(struct pipe *p, bool writer);
s64 pipe_read(struct pipe *p, u64 user_buf, size_t n);
s64 pipe_write(struct pipe *p, u64 user_buf, size_t n);
