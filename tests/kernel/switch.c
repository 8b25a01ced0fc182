/*
 * selftest=switch: strategies and maps where they meet, on edu at 00:05.0 (no DMA is done): a
 * switch while something is bounced, a map that goes while its unmap waits in a batch, and an error
 * of a batch that another use of the same map must not be told. Then keeps the device, as dmabench
 * does: it cannot be assigned.
 */
#include "hal/strategy.h"
#include "kernel/bootinfo.h"
#include "kernel/kalloc.h"

static const struct dma_limits none, pages_only = {.align = PAGE_SIZE};
static struct device *edu;
static char *page;

/* What is wrong, or NULL; as all tests here. */
static const char *
bounced(void)
{
	const char *why = NULL;
	struct dma_map m;

	if (dma_set_strategy(edu, &dma_strict) || dma_map_create(edu, &pages_only, PAGE_SIZE, &m) ||
		dma_map(&m, page + 8, 100, DMA_FROM_DEVICE) || dma_commit(&m) || !m.bounced)
		return "it is not bounced";
	if (dma_set_strategy(edu, &dma_deferred) != -EBUSY)
		why = "a switch does not wait for it";
	dma_unmap(&m);
	if (m.bounced || dma_set_strategy(edu, &dma_deferred))
		why = "no switch afterwards";
	dma_map_destroy(&m);
	return why;
}

static const char *
batch_forgets(void)
{
	struct dma_map m;
	iova_t iova;
	void *ring;

	if (dma_set_strategy(edu, &dma_batched) || dma_map_create(edu, &none, PAGE_SIZE, &m) ||
		dma_map(&m, page, PAGE_SIZE, DMA_TO_DEVICE) || dma_commit(&m))
		return "it is not mapped";
	dma_unmap(&m);
	dma_map_destroy(&m);
	/* Most often at the same address, if this thread is on the same CPU. */
	if (!(ring = dma_alloc(edu, 2 * PAGE_SIZE, &iova)))
		return "its address is given out while it is mapped";
	dma_free(edu, ring, 2 * PAGE_SIZE, iova);
	return NULL;
}

static const char *
batch_error(void)
{
	struct dma_map a, b;
	int err = 0;
	u64 before;

	if (dma_map_create(edu, &none, PAGE_SIZE, &a) || dma_map_create(edu, &none, PAGE_SIZE, &b))
		return "no maps";
	if (dma_map(&a, page, PAGE_SIZE, DMA_TO_DEVICE) || dma_commit(&a))
		return "it is not mapped";
	dma_unmap(&a);
	if (dma_map(&b, page, PAGE_SIZE, DMA_TO_DEVICE) || dma_commit(&b))
		return "nor is the other";
	dma_unmap(&b);
	dma_map_forget(&b); /* all that waits is done */
	before = edu->domain->pages;
	/* In the way of the first use: it fails, and its unmap removes this. */
	iommu_map(edu->domain, a.window.iova, virt_to_phys(page), 1, IOMMU_READ);
	err |= dma_map(&a, page, PAGE_SIZE, DMA_TO_DEVICE);
	dma_unmap(&a);
	for (unsigned n = 2; n < DMA_BATCH; n += 2) {
		err |= dma_map(&b, page, PAGE_SIZE, DMA_TO_DEVICE);
		dma_unmap(&b);
	}
	err |= dma_map(&a, page, PAGE_SIZE, DMA_TO_DEVICE); /* the batch is full: it is done */
	if (err || dma_commit(&a))
		return "the second use is told of an error of the first";
	dma_unmap(&a);
	dma_map_destroy(&a);
	dma_map_destroy(&b);
	return edu->domain->pages == before ? NULL : "a page is left mapped, or counted twice";
}

static void
selftest_switch(void)
{
	static const struct {
		const char *name;
		const char *(*fn)(void);
	} tests[] = {{"bounced", bounced}, {"batch-forgets", batch_forgets},
		{"batch-error", batch_error}};
	char test[16];

	if (!boot_option("selftest", test, sizeof(test)) || strcmp(test, "switch") != 0)
		return;
	edu = dma_device_get("00:05.0");
	page = page_alloc(FRAME_DMA);
	if (!edu || !page)
		panic("selftest: wants edu at 00:05.0");
	for (unsigned i = 0; i < NELEM(tests); i++) {
		const char *why = tests[i].fn();
		pr_info("switch: %s: %s", tests[i].name, why ? why : "good");
	}
}
INITCALL(INIT_VMM, selftest_switch);
