/*
 * Boot option selftest=dma-NAME, in the test build only: each commits one offence that the DMA
 * checker must name, on edu at 00:05.0; dma-all: one after the other. The test finds the lines by
 * their comments.
 */
#include "hal/dma.h"
#include "hal/strategy.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"
#include "kernel/lib.h"
#include "kernel/mem.h"

static const struct dma_limits limits;
static struct device *edu;
static struct dma_map one, two;
static char *page;

/* Maps and commits, without an offence; panics on an error. */
#define MAP(map, va, len, dir)                                     \
	do {                                                       \
		if (dma_map(map, va, len, dir) || dma_commit(map)) \
			panic("selftest: cannot map");             \
	} while (0)

static void
unmapped(void)
{
	dma_unmap(&one);      /* offence: never mapped */
	if (dma_commit(&one)) /* offence: commit */
		panic("selftest: a commit of nothing fails");
}

static void
twice(void)
{
	MAP(&one, page, PAGE_SIZE, DMA_TO_DEVICE); /* map: twice */
	dma_unmap(&one);                           /* first: twice */
	dma_unmap(&one);                           /* offence: twice */
}

static void
direction(void)
{
	if (!dma_map(&one, page, PAGE_SIZE, (enum dma_dir)4)) /* offence: direction */
		panic("selftest: direction 4 is mapped");
}

static void
failed(void)
{
	const struct sg sg[] = {{page, PAGE_SIZE}, {page, PAGE_SIZE}, {page, PAGE_SIZE}};

	if (!dma_map_sg(&one, sg, 3, DMA_TO_DEVICE)) /* map: failed */
		panic("selftest: a buffer larger than the map is mapped");
	dma_unmap(&one); /* offence: failed */
}

static void
uncommitted(void)
{
	if (dma_map(&one, page, PAGE_SIZE, DMA_TO_DEVICE)) /* map: uncommitted */
		panic("selftest: cannot map");
	dma_unmap(&one); /* offence: uncommitted */
}

static void
stack(void)
{
	char buf[64] __attribute__((aligned(64))) = "";

	MAP(&one, buf, sizeof(buf), DMA_TO_DEVICE); /* offence: stack */
	dma_unmap(&one);
}

static void
constants(void)
{
	MAP(&one, (void *)&limits, sizeof(limits), DMA_TO_DEVICE); /* offence: constants */
	dma_unmap(&one);
}

static void
code(void)
{
	MAP(&one, (void *)code, 16, DMA_TO_DEVICE); /* offence: code */
	dma_unmap(&one);
}

/* The last frame of RAM is the last to be given out, so nobody takes it meanwhile. */
static void
freemem(void)
{
	const struct memrange *r = &bootinfo.ram[bootinfo.nram - 1];
	paddr_t pa = r->base + ROUND_DOWN(r->len, PAGE_SIZE) - PAGE_SIZE;

	while (frame_owner_of(pa) != FRAME_FREE)
		pa -= PAGE_SIZE;
	MAP(&one, phys_to_virt(pa), PAGE_SIZE, DMA_TO_DEVICE); /* offence: freemem */
	dma_unmap(&one);
}

static void
noram(void)
{
	void *registers = phys_to_virt(0xfed00000);

	if (!dma_map(&one, registers, 4, DMA_TO_DEVICE)) /* offence: noram */
		panic("selftest: device registers are mapped");
	if (!dma_map(&one, (void *)0x1000, 4, DMA_TO_DEVICE)) /* offence: nowhere */
		panic("selftest: a process's address is mapped");
}

static void
overlap(void)
{
	MAP(&one, page, 100, DMA_TO_DEVICE);        /* map: overlap */
	MAP(&two, page + 50, 100, DMA_FROM_DEVICE); /* offence: overlap */
	dma_unmap(&two);
	MAP(&two, page + 50, 100, DMA_TO_DEVICE); /* two readers */
	dma_unmap(&two);
	MAP(&two, page + 100, 100, DMA_FROM_DEVICE); /* beside it */
	dma_unmap(&two);
	dma_unmap(&one);
}

static void
freepage(void)
{
	void *p = page_alloc(FRAME_DMA);

	MAP(&one, p, 100, DMA_FROM_DEVICE); /* map: freepage */
	page_free(p, FRAME_DMA);
	dma_unmap(&one);
}

static void
freeheap(void)
{
	char *p = kmalloc(256), *block = kmalloc(2 * PAGE_SIZE);

	MAP(&one, p + 16, 16, DMA_FROM_DEVICE); /* map: freeheap */
	kfree(p);
	dma_unmap(&one);
	MAP(&one, block + PAGE_SIZE, 16, DMA_FROM_DEVICE); /* map: freeblock */
	kfree(block);
	dma_unmap(&one);
}

static void
written(void)
{
	MAP(&one, page, PAGE_SIZE, DMA_TO_DEVICE); /* map: written */
	page[1000]++;
	dma_unmap(&one); /* offence: written */
	MAP(&one, page, 1000, DMA_TO_DEVICE);
	page[1000]++; /* beside it */
	dma_unmap(&one);
}

static void
bounced(void)
{
	const struct dma_strategy *before = edu->strategy;

	if (dma_set_strategy(edu, &dma_bounce))
		panic("selftest: no strategy bounce");
	MAP(&one, page, 100, DMA_FROM_DEVICE); /* map: bounced */
	page[99]++;
	dma_unmap(&one); /* offence: bounced */
	if (dma_set_strategy(edu, before))
		panic("selftest: the strategy does not come back");
}

static void
touched(void)
{
	volatile char *p = page;

	MAP(&one, page, PAGE_SIZE, DMA_FROM_DEVICE); /* map: read */
	(void)p[5];
	p[6] = 1; /* once is enough */
	dma_unmap(&one);
	MAP(&one, page, PAGE_SIZE, DMA_FROM_DEVICE); /* map: write */
	p[PAGE_SIZE - 1] = 1;
	dma_unmap(&one);
	p[7] = 1;
	MAP(&one, page, 100, DMA_FROM_DEVICE);
	p[100] = 1; /* beside it */
	dma_unmap(&one);
	MAP(&one, page, PAGE_SIZE, DMA_BIDIRECTIONAL);
	p[8] = 1;
	dma_unmap(&one);
}

static void
ring(void)
{
	iova_t iova, wrong;
	void *va = dma_alloc(edu, PAGE_SIZE, &iova); /* map: ring */

	dma_free(edu, va, 3 * PAGE_SIZE, iova); /* offence: size */
	dma_free(edu, va, PAGE_SIZE, iova);     /* offence: freed */
	va = dma_alloc(edu, PAGE_SIZE, &iova);
	wrong.v = iova.v + PAGE_SIZE;
	dma_free(edu, va, PAGE_SIZE, wrong); /* offence: address */
	va = dma_alloc(edu, PAGE_SIZE, &iova);
	dma_free(dma_device_get("00:03.0"), va, PAGE_SIZE, iova); /* offence: device */
}

static void
leak(void)
{
	static struct device dev = {
		.name = "00:1f.0", .rid = 0xf8, .alias = 0xf8, .dma_mask = ~0UL};
	static struct dma_map map;
	iova_t iova;

	if (dma_attach(&dev))
		panic("selftest: cannot attach");
	if (dma_map_create(&dev, &limits, PAGE_SIZE, &map)) /* made: leak */
		panic("selftest: no map");
	MAP(&map, page, 16, DMA_TO_DEVICE); /* map: leak */
	if (!dma_alloc(&dev, 100, &iova))   /* ring: leak */
		panic("selftest: no ring");
	dma_detach(&dev);
}

static void
flood(void)
{
	for (int i = 0; i < 1000; i++)
		dma_unmap(&one); /* flood */
}

static const struct {
	const char *name;
	void (*fn)(void);
} offence[] = {
#define X(name)             \
	{                   \
#name, name \
	}
	X(unmapped), X(twice), X(direction), X(failed), X(uncommitted), X(stack), X(constants),
	X(code), X(freemem), X(noram), X(overlap), X(freepage), X(freeheap), X(written), X(bounced),
	X(touched), X(ring), X(leak), X(flood)};

static void
selftest_dma(void)
{
	char test[24];

	if (!boot_option("selftest", test, sizeof(test)) || strncmp(test, "dma-", 4) != 0)
		return;
	edu = dma_device_get("00:05.0");
	page = page_alloc(FRAME_DMA);
	if (!edu || !page || dma_map_create(edu, &limits, PAGE_SIZE, &one) ||
		dma_map_create(edu, &limits, PAGE_SIZE, &two))
		panic("selftest: wants edu at 00:05.0");
	for (unsigned i = 0; i < NELEM(offence); i++)
		if (strcmp(test + 4, offence[i].name) == 0 || strcmp(test + 4, "all") == 0) {
			pr_info("selftest: dma-%s", offence[i].name);
			offence[i].fn();
		}
	dma_map_destroy(&one);
	dma_map_destroy(&two);
	page_free(page, FRAME_DMA);
}
INITCALL(INIT_VMM, selftest_dma);
