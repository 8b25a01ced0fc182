/*
 * A guest that does not read what it is told: its device makes 24 faults, the VMM's queue holds 16.
 * Then it reads, has one more made, and prints a line for each that it was told of, and one for
 * each that was lost. Its beginning is that of tests/guest/foreign.c.
 */
#define foreign checks
#include "tests/guest/foreign.c"
#undef foreign

static void
read_faults(void)
{
	static struct hc_fault f;

	while (call(HC_fault, (u64)&f, 0, 0, 0, 0) == 1) {
		print("told\n");
		while (f.lost--)
			print("lost\n");
	}
}

__attribute__((used)) static void
foreign(void)
{
	u32 rid = 0, r[4];
	u64 start;

	while (config(rid, 0) != 0x11e81234)
		rid += 8;
	outl(0xcf8, 1u << 31 | rid << 8 | 4);
	outl(0xcfc, 6); /* memory, bus master */
	volatile u8 *edu = (volatile u8 *)(u64)(config(rid, 0x10) & ~15u);
	call(HC_attach, rid, 0, 0, 0, 0);
	for (int i = 0; i < 24; i++)
		dma(edu, (u64)secret, 1, 0);
	read_faults();
	dma(edu, (u64)secret, 1, 0);
	cpuid(HC_CPUID_TIMING, r);
	for (start = tsc(); tsc() - start < 3000ULL * r[0];) /* until the host has seen it */
		read_faults();
	outl(0xf4, 0);
	for (;;)
		asm volatile("hlt");
}
