/* Arbitrary executables, read as exec does: the header, then every program header. */
#include "tests/host/harness.h"
#include "tests/host/fuzz.h"
#include "lib/elf.h"

const unsigned fuzz_rounds = 50000;

#define LO 0x400000UL
#define HI 0x800000UL

size_t
fuzz_sample(unsigned n, u8 *to)
{
	return n == 0 ? sample_elf(to) : 0;
}

int
LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct elf_header h = {0};
	struct elf_phdr p;
	const u8 *file = exact(data, size);
	u8 sum = 0;

	memcpy(&h, file, MIN(size, sizeof(h)));
	for (unsigned i = 0; !elf_check(&h, size) && i < h.phnum; i++) {
		memcpy(&p, file + h.phoff + i * sizeof(p), sizeof(p));
		if (elf_check_load(&p, size, p.vaddr, LO, HI))
			continue;
		for (u64 at = 0; at < p.filesz; at++) /* ASan watches */
			sum += file[p.offset + at];
		ASSERT(p.vaddr >= LO && p.vaddr <= HI && p.vaddr + p.memsz <= HI);
		ASSERT(p.filesz <= p.memsz);
	}
	*(volatile u8 *)&sum;
	exact_free();
	return 0;
}
