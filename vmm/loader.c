/*
 * The door through which a guest enters: what GRUB does for a multiboot2 kernel, done for a VM.
 * Image at its physical addresses, root file system as a module at the top of memory, boot
 * information at 0x10000, ACPI tables where a BIOS has them. Multiboot2 specification 3.
 */
#include "hal/acpi.h"
#include "kernel/bootinfo.h"
#include "lib/elf.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"
#include "vmm/vm.h"

#define INFO_GPA      0x10000UL
#define ACPI_GPA      0xe0000UL
#define IMAGE_GPA     VM_ROM_END
#define HEADER_SEARCH 32768

static bool
put(struct vm *vm, u64 gpa, const void *src, size_t n)
{
	bool ok;

	spin_lock(&vm->lock);
	ok = vm_write(vm, (gpa_t){gpa}, src, n);
	spin_unlock(&vm->lock);
	return ok;
}

/* Copies [offset, offset+n) of a file into guest memory. */
static bool
copy_file(struct vm *vm, struct inode *ip, u64 offset, u64 n, u64 gpa, void *page)
{
	for (u64 done = 0; done < n; done += PAGE_SIZE) {
		size_t k = MIN(n - done, PAGE_SIZE);
		if (inode_read(ip, page, offset + done, k, false) != (s64)k ||
			!put(vm, gpa + done, page, k))
			return false;
	}
	return true;
}

/* Whether the first 32 KiB of the file hold a multiboot2 header (3.1). */
static bool
has_header(struct inode *ip, void *page)
{
	for (u64 at = 0; at < HEADER_SEARCH; at += PAGE_SIZE) {
		s64 n = inode_read(ip, page, at, PAGE_SIZE, false);
		for (s64 i = 0; i + 16 <= n; i += 8) {
			const u32 *w = (const u32 *)((char *)page + i);
			if (w[0] == 0xe85250d6 && w[0] + w[1] + w[2] + w[3] == 0)
				return true;
		}
	}
	return false;
}

/* Loads the image; *entry is where to start, *end the first byte behind it. */
static const char *
load_image(struct vm *vm, struct inode *ip, u32 *entry, u64 *end, void *page)
{
	struct elf_header h;
	struct elf_phdr ph;
	struct stat st;
	const char *wrong;

	inode_stat(ip, &st);
	if (inode_read(ip, &h, 0, sizeof(h), false) != sizeof(h))
		return "the kernel is too short for an ELF file";
	if ((wrong = elf_check(&h, st.size)))
		return wrong;
	if (!has_header(ip, page))
		return "the kernel has no multiboot2 header";
	for (unsigned i = 0; i < h.phnum; i++) {
		if (inode_read(ip, &ph, h.phoff + i * sizeof(ph), sizeof(ph), false) != sizeof(ph))
			return "the kernel cannot be read";
		if (ph.type != ELF_PT_LOAD)
			continue;
		if ((wrong = elf_check_load(&ph, st.size, ph.paddr, IMAGE_GPA, vm->mem)))
			return wrong;
		if (!copy_file(vm, ip, ph.offset, ph.filesz, ph.paddr, page))
			return "the kernel cannot be read";
		*end = MAX(*end, ph.paddr + ph.memsz); /* the rest is zero: fresh frames are */
	}
	if (h.entry >= vm->mem)
		return "the kernel's entry is not a physical address in its memory";
	*entry = h.entry;
	return NULL;
}

/* The root file system: as high as it fits, page-aligned, above the image. */
static const char *
load_root(struct vm *vm, u64 image_end, struct memrange *module, void *page)
{
	if (!vm->root[0])
		return NULL;
	/* LAB 8: step 1: all of the file, to the top of memory; module says where it is. */
	struct inode *ip;
	struct stat st;
	bool ok;

	if (fs_lookup(vm->root, &ip))
		return "no such root file system";
	inode_stat(ip, &st);
	module->len = st.size;
	if (st.size > vm->mem - image_end ||
		vm->mem - st.size < ROUND_UP(image_end, PAGE_SIZE) + PAGE_SIZE) {
		inode_put(ip);
		return "the root file system does not fit in the VM's memory: use -m";
	}
	module->base = ROUND_DOWN(vm->mem - st.size, PAGE_SIZE);
	ok = copy_file(vm, ip, 0, st.size, module->base, page);
	inode_put(ip);
	return ok ? NULL : "the root file system cannot be read";
	/* LAB 8 ELSE
	return "the root file system: not implemented";
	LAB 8 END */
}

static void
acpi_table(struct acpi_header *h, const char *signature, u32 length)
{
	memcpy(h->signature, signature, 4);
	memcpy(h->oem_id, "HALCYN", 6);
	memcpy(h->oem_table_id, "HALCYON ", 8);
	h->length = length;
	h->revision = 1;
	h->checksum = 0;
	h->checksum = -acpi_sum(h, length);
}

/*
 * The tables: RSDP, XSDT, MADT (x2APIC CPUs, no IOAPIC), FADT with power-off and power
 * button, and a DSDT that holds \_S5 and nothing else. No MCFG: configuration space is by ports.
 */
static void
write_acpi(struct vm *vm, u8 rsdp[36], u8 *page)
{
	enum { XSDT = 0x40, MADT = 0x80, FADT = 0x140, DSDT = 0x200 };
	static const u8 s5[] = {0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x00, 0x00, 0x00, 0x00};
	u64 pointers[2] = {ACPI_GPA + MADT, ACPI_GPA + FADT};
	u32 dsdt = ACPI_GPA + DSDT, event = VM_PM1_EVENT, control = VM_PM1_CONTROL;
	u64 xsdt = ACPI_GPA + XSDT;
	u8 x2apic[16] = {9, 16}; /* ACPI 5.2.12.12: id, flags, uid */

	memset(page, 0, PAGE_SIZE);
	memcpy(page + XSDT + 36, pointers, sizeof(pointers));
	acpi_table((void *)(page + XSDT), "XSDT", 36 + sizeof(pointers));
	x2apic[8] = 1; /* enabled */
	for (unsigned i = 0; i < vm->ncpus; i++) {
		x2apic[4] = x2apic[12] = i;
		memcpy(page + MADT + 44 + i * sizeof(x2apic), x2apic, sizeof(x2apic));
	}
	acpi_table((void *)(page + MADT), "APIC", 44 + vm->ncpus * sizeof(x2apic));
	memcpy(page + FADT + 40, &dsdt, 4);
	page[FADT + 46] = HC_GSI_ACPI;
	memcpy(page + FADT + 56, &event, 4);
	memcpy(page + FADT + 64, &control, 4);
	page[FADT + 88] = 4; /* bytes of the event registers: status, enable */
	acpi_table((void *)(page + FADT), "FACP", 116);
	memcpy(page + DSDT + 36, s5, sizeof(s5));
	acpi_table((void *)(page + DSDT), "DSDT", 36 + sizeof(s5));

	memset(rsdp, 0, 36);
	memcpy(rsdp, "RSD PTR ", 8);
	memcpy(rsdp + 9, "HALCYN", 6);
	rsdp[15] = 2;
	rsdp[20] = 36;
	memcpy(rsdp + 24, &xsdt, 8);
	rsdp[8] = -acpi_sum(rsdp, 20);
	rsdp[32] = -acpi_sum(rsdp, 36);
	memcpy(page, rsdp, 36);
	put(vm, ACPI_GPA, page, PAGE_SIZE);
}

/* Appends a tag to the boot information, 8-byte aligned (3.6). */
static void
tag(u8 *page, u32 *at, u32 type, const void *body, u32 n)
{
	u32 head[2] = {type, 8 + n};

	memcpy(page + *at, head, 8);
	memcpy(page + *at + 8, body, n);
	*at = ROUND_UP(*at + 8 + n, 8);
}

static void
write_info(struct vm *vm, const struct memrange *module, u8 *page)
{
	u8 rsdp[36];
	u32 at = 8;

	write_acpi(vm, rsdp, page);
	memset(page, 0, PAGE_SIZE);
	tag(page, &at, 1, vm->cmdline, strlen(vm->cmdline) + 1);
	/* LAB 8: step 1: the module, the memory map, the RSDP, the end (3.6). */
	struct {
		u32 entry_size, version;
		struct {
			u64 base, len;
			u32 type, reserved;
		} entry[2];
	} map = {24, 0, {{0, VM_ROM_START, 1, 0}, {IMAGE_GPA, vm->mem - IMAGE_GPA, 1, 0}}};
	if (module->len) {
		u32 m[3] = {module->base, module->base + module->len, 0}; /* no command line */
		tag(page, &at, 3, m, 9);
	}
	tag(page, &at, 6, &map, sizeof(map));
	tag(page, &at, 15, rsdp, sizeof(rsdp));
	tag(page, &at, 0, NULL, 0);
	/* LAB 8 ELSE
	LAB 8 END */
	memcpy(page, &at, 4);
	put(vm, INFO_GPA, page, PAGE_SIZE);
}

const char *
vm_load(struct vm *vm)
{
	struct memrange module = {0};
	struct inode *ip;
	const char *wrong;
	void *page;
	u64 end = 0;
	u32 entry;

	if (fs_lookup(vm->kernel, &ip))
		return "no such kernel";
	if (!(page = page_alloc(FRAME_KERNEL))) {
		inode_put(ip);
		return "out of memory";
	}
	wrong = load_image(vm, ip, &entry, &end, page);
	inode_put(ip);
	if (!wrong)
		wrong = load_root(vm, end, &module, page);
	if (!wrong) {
		write_info(vm, &module, page);
		/* LAB 8: step 1: the state in which a kernel is entered (3.3). */
		virt()->start_at(vm->vcpu[0], entry, MULTIBOOT2_MAGIC, INFO_GPA);
		/* LAB 8 ELSE
		virt()->start_at(vm->vcpu[0], entry, 0, INFO_GPA);
		LAB 8 END */
	}
	page_free(page, FRAME_KERNEL);
	return wrong;
}
