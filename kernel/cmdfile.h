/*
 * A device file that takes one command a write, in words, and answers the next read. Commands of
 * all open files of a device are done one after the other.
 */
#ifndef KERNEL_CMDFILE_H
#define KERNEL_CMDFILE_H

#include "kernel/proc.h"

#define CMD_WORDS 8

struct cmdfile {
	struct mutex lock;
	/* Does one command; the answer goes into *t. A negative error fails the write. May sleep.
	 */
	int (*run)(void *dev, unsigned n, char *word[], struct text *t);
	void *dev;
};

/* Makes the file; *c stays the caller's. The errors of dev_add(). */
int cmdfile_add(struct cmdfile *c, const char *path,
	int (*run)(void *dev, unsigned n, char *word[], struct text *t), void *dev);

#endif
