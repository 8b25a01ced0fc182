/*
 * Asynchronous I/O on a disk's file: many requests under way for one caller, straight between the
 * disk and the caller's own pages. What a file has under way belongs to the file, not to a process:
 * a page that a request needs has the request as one more owner, and is pinned, so it stays what it
 * is whatever becomes of the process.
 */
#pragma once

#include "kernel/lib.h"

/* The operations of a device file (devfs.h); the device is a struct blkdev. */
int aio_open(void *dev, void **state);
/* Waits until all that is under way is done. */
void aio_close(void *dev, void *state);
s64 aio_submit(void *dev, void *state, u64 user_list, unsigned n, bool writable);
s64 aio_collect(void *dev, void *state, u64 user_list, unsigned max, unsigned min);
