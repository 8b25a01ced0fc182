/*
 * What the boot loader told us, in one shape for both doors. Formats: Multiboot2 specification
 * 3.6 (boot information) and Xen's PVH start_info (xen/include/public/arch-x86/hvm/start_info.h).
 */
#pragma once

#include "lib/cmdline.h"
#include "lib/types.h"

#define MULTIBOOT2_MAGIC 0x36d76289
#define BOOT_MULTIBOOT2  1
#define BOOT_PVH         2

struct memrange {
	paddr_t base;
	u64 len; /* bytes */
};

struct bootinfo {
	char cmdline[CMDLINE_MAX];
	struct memrange ram[64]; /* usable RAM, whole pages */
	unsigned nram;
	struct memrange module; /* the root file system; len 0: none */
	u8 rsdp[36];            /* a copy of the ACPI root pointer; zero if not told */
	struct {
		paddr_t addr;
		u32 pitch, width, height;
		u8 bpp, type; /* type 1: RGB pixels, 2: EGA text; bpp 0: no screen told */
	} screen;
};

extern struct bootinfo bootinfo;

/*
 * Parse a block of at most `len` bytes. False if it is not well-formed; what was understood
 * until then stands in *bi. `virt` turns a physical range into a pointer, or NULL if it cannot.
 */
bool bootinfo_multiboot2(struct bootinfo *bi, const void *block, size_t len);
bool bootinfo_pvh(struct bootinfo *bi, paddr_t start_info, void *(*virt)(paddr_t, size_t));

/* An option of the command line, as cmdline_get() finds it. */
bool boot_option(const char *name, char *buf, size_t size);
/* A number there; `otherwise` if there is none. */
u64 boot_number(const char *name, u64 otherwise);
