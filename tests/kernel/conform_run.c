/* Runs the contract's test: takes edu from its driver, and tells what the device does. */
#include "hal/platform.h"
#include "hal/pv.h"
#include "kernel/bootinfo.h"
#include "kernel/console.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/proc.h"
#include "tests/kernel/conform.h"

#define EDU RID(0, 5, 0)

/* edu's registers (QEMU, docs/specs/edu), and its own memory as its DMA engine addresses it. */
enum { DMA_SOURCE = 0x80, DMA_TARGET = 0x88, DMA_COUNT = 0x90, DMA_COMMAND = 0x98 };
enum { DMA_RUN = 1, DMA_TO_MEMORY = 2 };
#define BUFFER 0x40000
#define BYTES  16

#define SCRATCH 0xffff000UL /* an address that no clause uses */

static const u8 pattern[BYTES] = "what edu writes";

void
conform_say(const char *fmt, ...)
{
	char line[160];
	struct text t = TEXT_ON(line);
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&t, fmt, ap);
	va_end(ap);
	text_printf(&t, "\n");
	console_write(t.buf, t.len);
}

void
conform_claim(struct conform *c, bool good, const char *text)
{
	if (!good)
		conform_say("# it does not hold: %s", text);
	c->bad |= !good;
}

void
conform_is(struct conform *c, s64 got, s64 want, const char *text)
{
	if (got != want)
		conform_say("# got %ld, wanted %ld: %s", got, want, text);
	c->bad |= got != want;
}

/* One DMA of BYTES; it ends, whether it arrives or not. */
static void
dma(struct conform *c, u64 source, u64 target, unsigned command)
{
	unsigned ms = 0;

	*(volatile u64 *)(c->reg + DMA_SOURCE) = source;
	*(volatile u64 *)(c->reg + DMA_TARGET) = target;
	*(volatile u64 *)(c->reg + DMA_COUNT) = BYTES;
	*(volatile u64 *)(c->reg + DMA_COMMAND) = command | DMA_RUN;
	while (*(volatile u64 *)(c->reg + DMA_COMMAND) & DMA_RUN && ms++ < 30000)
		sleep_ms(1);
	if (ms > 30000)
		panic("edu does not end its DMA");
}

/* Which pages of the memory hold what edu writes: how many, and the last of them. */
static unsigned
arrived(struct conform *c, unsigned *page)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CONFORM_PAGES; i++) {
		if (memcmp(c->mem + i * PAGE_SIZE, pattern, BYTES) != 0)
			continue;
		*page = i;
		n++;
	}
	return n;
}

bool
conform_writes(struct conform *c, u64 iova, unsigned page)
{
	unsigned where = 0;

	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		memset(c->mem + i * PAGE_SIZE, 0, BYTES);
	dma(c, BUFFER, iova, DMA_TO_MEMORY);
	return arrived(c, &where) == 1 && where == page;
}

bool
conform_blocked(struct conform *c, u64 iova)
{
	unsigned where;

	for (unsigned i = 0; i < CONFORM_PAGES; i++)
		memset(c->mem + i * PAGE_SIZE, 0, BYTES);
	dma(c, BUFFER, iova, DMA_TO_MEMORY);
	return arrived(c, &where) == 0;
}

/* What the device has read it shows by writing it; then it gets its own bytes back. */
bool
conform_reads(struct conform *c, u64 iova, unsigned page)
{
	u8 *scratch = c->mem + (CONFORM_PAGES - 1) * PAGE_SIZE, *at = c->mem + page * PAGE_SIZE;
	paddr_t pa = conform_pa(c, CONFORM_PAGES - 1);
	bool same;

	memset(at, 0x5a, BYTES);
	memset(scratch, 0, BYTES);
	dma(c, iova, BUFFER, 0);
	if (iommu_map(c->d, (iova_t){SCRATCH}, pa, 1, IOMMU_READ | IOMMU_WRITE))
		return false;
	dma(c, BUFFER, SCRATCH, DMA_TO_MEMORY);
	same = memcmp(at, scratch, BYTES) == 0;
	memcpy(scratch, pattern, BYTES);
	dma(c, SCRATCH, BUFFER, 0);
	memset(scratch, 0, BYTES);
	return iommu_unmap(c->d, (iova_t){SCRATCH}, 1, true) == 0 && same;
}

static void
on_fault(void *owner, const struct iommu_fault *f, bool cut)
{
	struct conform *c = owner;

	c->fault = *f;
	WRITE_ONCE(c->nfaults, c->nfaults + 1);
}

/* A fresh domain for a clause; the device attached. */
static bool
begin(struct conform *c)
{
	c->bad = false;
	if (domain_create(c->ops, &c->d))
		return false;
	c->d->owner = c;
	c->d->on_fault = on_fault;
	return iommu_attach(c->d, EDU, c->edu->dev.alias) == 0;
}

static void
run(struct conform *c, const struct clause *clause)
{
	for (; clause->run; clause++) {
		bool skip = clause->where == REPORTING && c->silent;

		if ((clause->where == HARDWARE && c->pv) || (clause->where == GUEST && !c->pv))
			continue;
		if (!begin(c))
			panic("conform: no domain for edu");
		if (!skip)
			clause->run(c);
		iommu_detach(c->d);
		domain_destroy(c->d);
		c->failed += c->bad;
		conform_say("%s %u - %s: %s%s", c->bad ? "not ok" : "ok", ++c->tests, c->ops->name,
			clause->name, skip ? " # SKIP nothing reports faults here" : "");
	}
}

/* edu's first bytes: what it writes ever after. */
static void
load(struct conform *c)
{
	begin(c);
	(void)conform_reads(c, SCRATCH, 1); /* blocked; and leaves them there */
	iommu_detach(c->d);
	domain_destroy(c->d);
}

/* The random run's domain stays as it is in a guest: the host compares. */
static void
random_run(struct conform *c)
{
	u64 tables = frame_count(FRAME_TABLE);

	begin(c);
	conform_random(c);
	if (!c->pv) {
		iommu_detach(c->d);
		domain_destroy(c->d);
		IS(c, frame_count(FRAME_TABLE), tables);
	}
	c->failed += c->bad;
	conform_say("%s %u - %s: %lu random operations do what the model does",
		c->bad ? "not ok" : "ok", ++c->tests, c->ops->name, c->ops_wanted);
}

static void
conform(void)
{
	static struct conform c;
	char test[16];

	if (!boot_option("selftest", test, sizeof(test)) || strcmp(test, "conform") != 0)
		return;
	c.pv = pv_present();
	c.ops = c.pv ? &pv_ops : iommu_hw();
	c.edu = pci_find(EDU);
	if (!c.ops || !c.edu || pci_unbind(c.edu) || !(c.reg = pci_map_bar(c.edu, 0)))
		panic("conform: it takes an IOMMU, and edu at 00:05.0");
	c.silent = boot_number("silent", 0);
	c.seed = boot_number("seed", 1);
	c.ops_wanted = boot_number("ops", 1000);
	c.quota = boot_number("quota", 0);
	if (!(c.pa = frame_alloc(MAX_ORDER, FRAME_DMA)))
		panic("conform: no memory");
	c.mem = phys_to_virt(c.pa);
	pci_bus_master(c.edu, true);
	load(&c);
	run(&c, conform_clauses);
	run(&c, conform_unmap);
	run(&c, conform_pv);
	random_run(&c);
	conform_say("1..%u", c.tests);
	if (c.failed)
		platform_debug_exit(c.failed);
	if (c.pv)
		return; /* with what is mapped */
	pci_bus_master(c.edu, false);
	frame_free(c.pa, MAX_ORDER, FRAME_DMA);
	pci_bind(c.edu);
}
INITCALL(INIT_VMM, conform);
