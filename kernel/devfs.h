/*
 * Devices and kernel state as files. A name under /dev or /proc is a struct devfile; drivers add
 * theirs when they find a device. /proc files are made of text when they are opened.
 */
#pragma once

#include "kernel/proc.h"

/*
 * The operations of a device file; any may be NULL. `state` is what open() put there, per open
 * file. read and write return bytes or a negative error; pos is in bytes. All may sleep.
 */
struct devops {
	int (*open)(void *dev, void **state);
	void (*close)(void *dev, void *state);
	s64 (*read)(void *dev, void *state, u64 user_buf, size_t n, u64 pos);
	s64 (*write)(void *dev, void *state, u64 user_buf, size_t n, u64 pos);
	u64 (*size)(void *dev);
	/* Lists of struct io_request begin, of io_result are filled (lib/abi.h): how many. */
	s64 (*submit)(void *dev, void *state, u64 user_list, unsigned n, bool writable);
	s64 (*collect)(void *dev, void *state, u64 user_list, unsigned max, unsigned min);
};

struct devfile {
	char path[24]; /* "/dev/nvme0" */
	const struct devops *ops;
	void *dev;
	int users; /* open files */
	struct list link;
};

/* Adds a device file; `path` is copied. -EEXIST, -ENOMEM. */
int dev_add(const char *path, const struct devops *ops, void *dev);
/* Removes it; -EBUSY while it is open. */
int dev_remove(const char *path);

/* Opens: finds path and counts the file as open. NULL if there is none. */
struct devfile *dev_get(const char *path);
void dev_put(struct devfile *f);
/* Whether it is one of the directories, /dev and /proc. */
bool dev_is_dir(const struct devfile *f);
/* The lowest n for which there is no file PREFIXn. */
int dev_unit(const char *prefix);

/*
 * For a file whose state is a text of its own: open() with room for `size` bytes, close(), and what
 * a read from *pos gives, which advances *pos by that.
 */
int text_open(size_t size, void **state);
void text_close(void *dev, void *state);
s64 text_read(const struct text *t, u64 user_buf, size_t n, u64 *pos);

/* A /proc file whose text a function makes; Ctrl-P shows those with on_console as well. */
struct procfile {
	const char *name;
	void (*show)(struct text *t);
	bool on_console;
};
#define PROC_FILE(name, show) \
	SECTION_ELEMENT(struct procfile, devfile, procfile_##show) = {name, show, false}
#define PROC_STATUS_FILE(name, show) \
	SECTION_ELEMENT(struct procfile, devfile, procfile_##show) = {name, show, true}

/*
 * A device file that takes one command a write, in words, and answers the next read. Commands of
 * all open files of a device are done one after the other.
 */
#define CMD_WORDS 8

struct cmdfile {
	struct mutex lock;
	/* Does one command; the answer goes into *t. An error fails the write. May sleep. */
	int (*run)(void *dev, unsigned n, char *word[], struct text *t);
	void *dev;
};

/* Makes the file; *c stays the caller's. The errors of dev_add(). */
int cmdfile_add(struct cmdfile *c, const char *path,
	int (*run)(void *dev, unsigned n, char *word[], struct text *t), void *dev);

void dev_init(void);
