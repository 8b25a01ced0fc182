/*
 * The kernel's file system around an image in memory. One process, which never sleeps: to sleep
 * would be for ever, and is an error.
 */
#pragma once

#include "tests/host/harness.h"
#include "kernel/fs.h"

#define WORLD_BLOCKS 256 /* of the image that mkfs has made */
#define WORLD_SIZE   (WORLD_BLOCKS * BLOCK_SIZE)

/* That image, and the disk that the next mount finds: memory of that size, or what a test puts
 * there. */
extern const u8 world_mkfs[WORLD_SIZE];
extern u8 *world_disk;
extern u64 world_size;

/* Mounts it; an error of fs_mount_root(). `world_said` is then the last line that it logged. */
int world_mount(void);
/* A directory there; an error of fs_create(). */
int world_make_dir(const char *path);
/* What was done reaches the disk; then memory is as before. False if a reference was left. */
bool world_unmount(void);
extern char world_said[160];

/*
 * The power fails after so many writes: no later one arrives, and of those since the last flush
 * each does or does not, by chance. -1: never. `world_writes` counts.
 */
extern long world_power;
extern long world_writes;

/* Where the search for a free block begins next; how many blocks the log takes. */
void world_search_from(u32 block);
void world_log_size(u32 blocks);
