/* exec: a new program in the current process. The old one stays until the new is complete. */
#include "lib/elf.h"
#include "kernel/fs.h"

/* Loads one segment from the file. */
static int
load_segment(struct aspace *as, struct inode *ip, const struct elf_phdr *ph)
{
	unsigned perm = (ph->flags & ELF_W ? PT_W : 0) | (ph->flags & ELF_X ? PT_X : 0);
	int err;

	/* First, so that what a failed grow leaves is freed with the rest. */
	as->brk = as->heap = MAX(as->brk, ROUND_UP(ph->vaddr + ph->memsz, PAGE_SIZE));
	err = aspace_grow(as, ph->vaddr, ph->memsz, perm);
	for (u64 at = 0; at < ph->filesz && !err; at += PAGE_SIZE) {
		size_t n = MIN(PAGE_SIZE, ph->filesz - at);
		if (inode_read(ip, aspace_virt(as, ph->vaddr + at), ph->offset + at, n, false) !=
			(s64)n)
			err = -EIO;
	}
	return err;
}

/* Loads the program; *entry is where it starts. */
static int
load_program(struct aspace *as, struct inode *ip, u64 *entry)
{
	struct elf_header h;
	struct elf_phdr ph;
	struct stat st;
	const char *wrong;
	int err = 0;

	inode_stat(ip, &st);
	if (st.type != T_FILE || inode_read(ip, &h, 0, sizeof(h), false) != sizeof(h) ||
		(wrong = elf_check(&h, st.size)))
		return -ENOEXEC;
	if (h.entry < USER_BASE || h.entry >= USER_HEAP_END)
		return -ENOEXEC; /* returning to an address that is not canonical is our fault */
	for (unsigned i = 0; i < h.phnum && !err; i++) {
		if (inode_read(ip, &ph, h.phoff + i * sizeof(ph), sizeof(ph), false) != sizeof(ph))
			return -EIO;
		if (ph.type != ELF_PT_LOAD)
			continue;
		if (elf_check_load(&ph, st.size, ph.vaddr, USER_BASE, USER_HEAP_END) ||
			(ph.vaddr & PAGE_MASK))
			return -ENOEXEC;
		err = load_segment(as, ip, &ph);
	}
	*entry = h.entry;
	return err;
}

/* Strings and array lie in the stack's first page. */
_Static_assert(MAX_ARG_BYTES + (MAX_ARGS + 2) * sizeof(u64) <= PAGE_SIZE, "build_stack()");

/*
 * Builds the stack: the strings, then the argv array, 16-byte aligned. Returns argc or an error;
 * *sp is where the array lies.
 */
static int
build_stack(struct aspace *as, char *const argv[], u64 *sp)
{
	const u64 base = USER_TOP - PAGE_SIZE;
	u64 at = USER_TOP, pointers[MAX_ARGS + 1];
	int argc, err = aspace_grow(as, base, PAGE_SIZE, PT_W); /* the rest when touched */
	char *page = aspace_virt(as, base);

	if (err)
		return err;
	for (argc = 0; argv[argc]; argc++) {
		size_t n = strlen(argv[argc]) + 1;
		if (argc == MAX_ARGS || USER_TOP - at + n > MAX_ARG_BYTES)
			return -E2BIG;
		at -= n;
		pointers[argc] = at;
		memcpy(page + (at - base), argv[argc], n);
	}
	pointers[argc] = 0;
	at = ROUND_DOWN(at - (argc + 1) * sizeof(u64), 16);
	memcpy(page + (at - base), pointers, (argc + 1) * sizeof(u64));
	*sp = at;
	return argc;
}

int
exec(const char *path, char *const argv[])
{
	struct proc *p = current();
	struct aspace fresh = {0}, old = p->as;
	u64 entry = 0, sp = 0;
	struct inode *ip;
	int argc = fs_lookup(path, &ip);

	if (argc)
		return argc;
	if (!(argc = aspace_create(&fresh)) && !(argc = load_program(&fresh, ip, &entry)))
		argc = build_stack(&fresh, argv, &sp);
	inode_put(ip);
	if (argc < 0) {
		aspace_destroy(&fresh);
		return argc;
	}
	/* The point of no return. */
	irq_push_off();
	p->as = fresh;
	aspace_load(&p->as);
	irq_pop();
	aspace_destroy(&old);
	for (const char *c = path; *c; c++)
		if (*c == '/')
			path = c + 1;
	strlcpy(p->name, path, sizeof(p->name));
	*p->tf = (struct trapframe){.rip = entry,
		.cs = SEL_UCODE,
		.rflags = 0x202,
		.rsp = sp,
		.ss = SEL_UDATA,
		.rdi = argc,
		.rsi = sp,
		.rax = argc};
	return argc;
}
