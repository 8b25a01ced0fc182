#include "lib/elf.h"
#include "lib/string.h"

const char *
elf_check(const struct elf_header *h, u64 size)
{
	if (size < sizeof(*h) || memcmp(h->ident, "\177ELF", 4) != 0)
		return "not an ELF file";
	if (h->ident[4] != 2 || h->ident[5] != 1 || h->machine != 62 || h->type != 2)
		return "not an x86-64 executable";
	if (h->phentsize != sizeof(struct elf_phdr) || h->phnum == 0 || h->phnum > ELF_MAX_PHDRS)
		return "ELF program headers of an unknown size or number";
	if (h->phoff > size || size - h->phoff < (u64)h->phnum * sizeof(struct elf_phdr))
		return "ELF program headers beyond the end of the file";
	return NULL;
}

const char *
elf_check_load(const struct elf_phdr *p, u64 size, u64 addr, u64 lo, u64 hi)
{
	if (p->filesz > p->memsz || p->offset > size || p->filesz > size - p->offset)
		return "ELF segment beyond the end of the file";
	if (addr < lo || addr > hi || p->memsz > hi - addr)
		return "ELF segment outside the memory it may have";
	return NULL;
}
