/* The order in which the system comes up. */
#include "hal/apic.h"
#include "hal/dma.h"
#include "hal/platform.h"
#include "hal/smp.h"
#include "hal/timer.h"
#include "kernel/blk.h"
#include "kernel/bootinfo.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/fs.h"

static void
initcalls(int order)
{
	section_for_each (struct initcall, i, initcall)
		if (i->order == order)
			i->fn();
}

/* Boot information as the boot tables show it: the first 4 GiB. */
static void *
boot_virt(paddr_t pa, size_t len)
{
	return pa && pa + len <= 4UL << 30 ? phys_to_virt(pa) : NULL;
}

/* To write what is not on the disk yet takes a thread. */
static void
power_thread(void *unused)
{
	if (!platform_wait_button())
		return;
	pr_info("power button");
	log_sync();
	platform_poweroff();
}

/* The part of booting that may sleep; then it becomes the first process. */
static void
boot_thread(void *unused)
{
	static char init[64] = "/bin/init", script[1024];
	bool have_script;

	for (int order = INIT_BUS; order <= INIT_VMM; order++)
		initcalls(order);
	kthread_start("power", power_thread, NULL);
	boot_option("init", init, sizeof(init));
	have_script = boot_option("script", script, sizeof(script));
	proc_become_init(init, have_script ? script : NULL);
}

/* The first C code, on the boot CPU, on the boot tables. */
void
kmain(u32 protocol, u64 info)
{
	char nmi[8];
	bool known = false;

	cpu_init(0);
	ncpus = 1;
	trap_init();
	sched_init();
	initcalls(INIT_CONSOLE);
	if (protocol == BOOT_MULTIBOOT2)
		known = bootinfo_multiboot2(&bootinfo, phys_to_virt(info), 1 << 20);
	else if (protocol == BOOT_PVH)
		known = bootinfo_pvh(&bootinfo, info, boot_virt);
	if (!known)
		panic("boot: no multiboot2 or PVH information: use GRUB's multiboot2 or QEMU's "
		      "-kernel");
	console_loglevel = boot_number("loglevel", console_loglevel);
	nmi_panics = boot_option("nmi", nmi, sizeof(nmi)) && strcmp(nmi, "panic") == 0;
	pr_info("Halcyon: booted by %s", protocol == BOOT_PVH ? "PVH" : "multiboot2");

	mem_init();
	platform_init();
	apic_init();
	apic_init_cpu();
	cpus[0].apic_id = apic_id();
	timer_init();
	dev_init();
	console_init();
	blk_init();
	dma_init(); /* before any driver: from here on only who is attached can do DMA */
	smp_start();
	timer_init_cpu();
	if (!kthread_start("boot", boot_thread, NULL))
		panic("no memory for the first thread");
	scheduler();
}
