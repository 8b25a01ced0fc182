/* exec: a new program in the current process. The old one stays until the new is complete. */
#include "kernel/elf.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"
#include "kernel/cpu.h"

/* Loads one segment from the file. */
static int
load_segment(struct aspace *as, struct inode *ip, const struct elf_phdr *ph, void *page)
{
	unsigned perm = (ph->flags & ELF_W ? PT_W : 0) | (ph->flags & ELF_X ? PT_X : 0);
	int err;

	/* First, so that what a failed grow leaves is freed with the rest. */
	as->brk = as->heap = MAX(as->brk, ROUND_UP(ph->vaddr + ph->memsz, PAGE_SIZE));
	err = aspace_grow(as, ph->vaddr, ph->memsz, perm);
	for (u64 at = 0; at < ph->filesz && !err; at += PAGE_SIZE) {
		size_t n = MIN(PAGE_SIZE, ph->filesz - at);
		if (inode_read(ip, page, ph->offset + at, n) != (s64)n)
			err = -EIO;
		else
			err = aspace_write(as, ph->vaddr + at, page, n);
	}
	return err;
}

/* Loads the program; *entry is where it starts. `page` is room to work in. */
static int
load_program(struct aspace *as, struct inode *ip, u64 *entry, void *page)
{
	struct elf_header h;
	struct elf_phdr ph;
	struct stat st;
	const char *wrong;
	int err = 0;

	inode_stat(ip, &st);
	if (st.type != T_FILE || inode_read(ip, &h, 0, sizeof(h)) != sizeof(h) ||
		(wrong = elf_check(&h, st.size)))
		return -ENOEXEC;
	if (h.entry < USER_BASE || h.entry >= USER_HEAP_END)
		return -ENOEXEC; /* returning to an address that is not canonical is our fault */
	for (unsigned i = 0; i < h.phnum && !err; i++) {
		if (inode_read(ip, &ph, h.phoff + i * sizeof(ph), sizeof(ph)) != sizeof(ph))
			return -EIO;
		if (ph.type != ELF_PT_LOAD)
			continue;
		if (elf_check_load(&ph, st.size, ph.vaddr, USER_BASE, USER_HEAP_END) ||
			(ph.vaddr & PAGE_MASK))
			return -ENOEXEC;
		err = load_segment(as, ip, &ph, page);
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
	u64 at = USER_TOP, pointers[MAX_ARGS + 1];
	int argc, err;

	err = aspace_grow(as, USER_TOP - PAGE_SIZE, PAGE_SIZE, PT_W); /* the rest when touched */
	for (argc = 0; argv[argc] && !err; argc++) {
		size_t n = strlen(argv[argc]) + 1;
		if (argc == MAX_ARGS || USER_TOP - at + n > MAX_ARG_BYTES)
			return -E2BIG;
		at -= n;
		pointers[argc] = at;
		err = aspace_write(as, at, argv[argc], n);
	}
	pointers[argc] = 0;
	at = ROUND_DOWN(at - (argc + 1) * sizeof(u64), 16);
	if (!err)
		err = aspace_write(as, at, pointers, (argc + 1) * sizeof(u64));
	*sp = at;
	return err ? err : argc;
}

int
exec(const char *path, char *const argv[])
{
	struct proc *p = current();
	struct aspace fresh = {0}, old = p->as;
	u64 entry = 0, sp = 0;
	struct inode *ip;
	void *page;
	int argc = fs_lookup(path, &ip);

	if (argc)
		return argc;
	page = page_alloc(FRAME_KERNEL);
	argc = page ? aspace_create(&fresh) : -ENOMEM;
	if (!argc)
		argc = load_program(&fresh, ip, &entry, page);
	if (!argc)
		argc = build_stack(&fresh, argv, &sp);
	if (page)
		page_free(page, FRAME_KERNEL);
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
	const char *slash = path;
	for (const char *c = path; *c; c++)
		if (*c == '/')
			slash = c + 1;
	strlcpy(p->name, slash, sizeof(p->name));
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
