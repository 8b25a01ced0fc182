/* 64-bit ELF executables: ELF-64 Object File Format, version 1.5. */
#pragma once

#include "lib/types.h"

struct elf_header {
	u8 ident[16];
	u16 type, machine;
	u32 version;
	u64 entry, phoff, shoff;
	u32 flags;
	u16 ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct elf_phdr {
	u32 type, flags;
	u64 offset, vaddr, paddr, filesz, memsz, align;
};

enum { ELF_PT_LOAD = 1, ELF_X = 1, ELF_W = 2, ELF_R = 4, ELF_MAX_PHDRS = 16 };

_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_phdr) == 56, "ELF-64");

/*
 * Checks the header of a file of `size` bytes: an x86-64 executable whose program headers lie in
 * the file. NULL if it is, else what is wrong.
 */
const char *elf_check(const struct elf_header *h, u64 size);
/* Checks one PT_LOAD: its bytes lie in the file, its memory (at `addr`) in [lo, hi). */
const char *elf_check_load(const struct elf_phdr *p, u64 size, u64 addr, u64 lo, u64 hi);
