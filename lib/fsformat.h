/*
 * The file system as it stands on disk, shared by the kernel and tools/mkfs.c. All numbers are
 * little-endian. Blocks of 4 KiB:
 *
 *   0         1            logstart      inodestart     bitmapstart     datastart
 *   | unused  | superblock | write log   | inodes       | free bitmap   | data ...
 *
 * It is xv6's shape with larger blocks and a double-indirect block.
 */
#pragma once

#include "lib/types.h"

#define FS_MAGIC   0x48414c43594f4e31ULL /* "HALCYON1" */
#define BLOCK_SIZE 4096
#define ROOT_INO   1

struct superblock {
	u64 magic;
	u32 version; /* 1 */
	u32 nblocks; /* of the whole file system */
	u32 ninodes;
	u32 logstart, nlog;
	u32 inodestart;
	u32 bitmapstart;
	u32 datastart;
};

#define NDIRECT    12
#define NINDIRECT  (BLOCK_SIZE / sizeof(u32))
#define MAX_BLOCKS (NDIRECT + NINDIRECT + NINDIRECT * NINDIRECT) /* of one file */

struct dinode {
	u16 type; /* T_* of abi.h */
	u16 nlink;
	u32 reserved;
	u64 size;              /* bytes */
	u32 addr[NDIRECT + 2]; /* block numbers: direct, indirect, double indirect; 0 = hole */
	u8 pad[128 - 16 - 4 * (NDIRECT + 2)];
};

#define INODES_PER_BLOCK (BLOCK_SIZE / sizeof(struct dinode))

_Static_assert(sizeof(struct dinode) == 128, "on-disk inode");
_Static_assert(sizeof(struct superblock) == 40, "on-disk superblock");
