/*
 * The teaching device of QEMU (docs/specs/edu): a factorial, and DMA to and from a buffer of its
 * own. /dev/edu0 takes one command a write and answers the next read:
 *
 *   fact N                   N! as the device computes it (modulo 2^32)
 *   map PLACE to|from|both   maps a place of memory for the device; answers its bus address
 *   unmap PLACE              and takes the mapping away
 *   fill PLACE BYTE          the CPU writes the place (16 bytes)
 *   peek PLACE               the CPU reads the place: 16 bytes in hexadecimal
 *   dma read|write ADDRESS   16 bytes from memory to the device, or from the device to memory
 *
 * Places: a and b, a page each; c and d, the two halves of a third page. `dma` takes any bus
 * address: what must not be reached is for IOMMU and VMM to block, not for this driver.
 */
#include "drivers/pci.h"
#include "hal/dma.h"
#include "hal/irq.h"
#include "hal/timer.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"

enum {
	REG_ID = 0x00,
	REG_FACTORIAL = 0x08,
	REG_STATUS = 0x20,
	REG_IRQ_STATUS = 0x24,
	REG_IRQ_ACK = 0x64,
	REG_DMA_SOURCE = 0x80,
	REG_DMA_TARGET = 0x88,
	REG_DMA_COUNT = 0x90,
	REG_DMA_COMMAND = 0x98,
	BUFFER = 0x40000, /* the device's own memory, as its DMA engine addresses it */
};
enum { STATUS_COMPUTING = 1, STATUS_IRQ = 0x80 };
enum { DMA_START = 1, DMA_TO_MEMORY = 2, DMA_IRQ = 4 };
#define DMA_BYTES  16
#define TIMEOUT_NS 5000000000UL

/*
 * QEMU 7.2: a count of 4096 at the start of the buffer aborts the emulator (off by one), so the
 * longest that a driver may ask for is 4095. Ours asks for 16.
 */
_Static_assert(DMA_BYTES < 4096, "QEMU 7.2 edu");

#define PLACES 4

struct edu {
	char path[16]; /* "/dev/edu0" */
	struct pci_dev *pci;
	volatile void *reg;
	struct cmdfile file;
	struct spinlock irq_lock;
	bool done; /* under irq_lock: the device has interrupted */
	void *page[3];
	void *place[PLACES];
	struct dma_map map[PLACES];
};

static void
edu_interrupt(void *arg)
{
	/* LAB 1: step 4: tell the device that it has been heard, and who waits that it came. */
	struct edu *e = arg;
	u32 status = REG32(e->reg, REG_IRQ_STATUS);

	REG32(e->reg, REG_IRQ_ACK) = status;
	spin_lock(&e->irq_lock);
	e->done = true;
	spin_unlock(&e->irq_lock);
	wakeup(e);
	/* LAB 1 ELSE
	LAB 1 END */
}

/* Sleeps until the device interrupts. */
static int
wait_done(struct edu *e)
{
	/* LAB 1: step 5: until the interrupt has come, or it is too late: -ETIMEDOUT. */
	u64 deadline = timer_ns() + TIMEOUT_NS;
	bool done;

	spin_lock(&e->irq_lock);
	while (!(done = e->done) && timer_ns() < deadline)
		proc_sleep_until(e, &e->irq_lock, deadline);
	e->done = false;
	spin_unlock(&e->irq_lock);
	return done ? 0 : -ETIMEDOUT;
	/* LAB 1 ELSE
	return -EIO;
	LAB 1 END */
}

/* 64-bit registers are written in one access: QEMU's model wants it so from 0x80 on. */
static int
dma(struct edu *e, bool to_memory, iova_t at)
{
	/* LAB 2: step 2: source, target, count, command; it ends with an interrupt. */
	REG64(e->reg, REG_DMA_SOURCE) = to_memory ? BUFFER : at.v;
	REG64(e->reg, REG_DMA_TARGET) = to_memory ? at.v : BUFFER;
	REG64(e->reg, REG_DMA_COUNT) = DMA_BYTES;
	REG64(e->reg, REG_DMA_COMMAND) = DMA_START | DMA_IRQ | (to_memory ? DMA_TO_MEMORY : 0);
	return wait_done(e);
	/* LAB 2 ELSE
	return -ENOSYS;
	LAB 2 END */
}

static int
factorial(struct edu *e, u32 n, u32 *result)
{
	/* LAB 1: step 6: have the device compute it and interrupt; sleep; read the result. */
	REG32(e->reg, REG_STATUS) = STATUS_IRQ;
	REG32(e->reg, REG_FACTORIAL) = n;
	int err = wait_done(e);
	*result = REG32(e->reg, REG_FACTORIAL);
	return err;
	/* LAB 1 ELSE
	*result = 0;
	return wait_done(e);
	LAB 1 END */
}

static int
parse_place(const char *s)
{
	return s[0] >= 'a' && s[0] < 'a' + PLACES && !s[1] ? s[0] - 'a' : -1;
}

static enum dma_dir
parse_dir(const char *s)
{
	return strcmp(s, "to") == 0     ? DMA_TO_DEVICE
	       : strcmp(s, "from") == 0 ? DMA_FROM_DEVICE
	       : strcmp(s, "both") == 0 ? DMA_BIDIRECTIONAL
					: 0;
}

/* Does one command; the answer goes into *t. */
static int
command(void *dev, unsigned n, char *word[], struct text *t)
{
	struct edu *e = dev;
	const char *what = n ? word[0] : "";
	int place = n > 1 ? parse_place(word[1]) : -1, err;
	u64 number;

	if (strcmp(what, "fact") == 0 && n == 2 && parse_whole(word[1], &number)) {
		u32 result;
		err = factorial(e, number, &result);
		text_printf(t, "%u\n", result);
		return err;
	}
	if (strcmp(what, "map") == 0 && n == 3 && place >= 0 && parse_dir(word[2])) {
		/* LAB 2: step 1: map the place, commit, and answer its bus address. */
		struct dma_map *m = &e->map[place];
		size_t len = place < 2 ? PAGE_SIZE : PAGE_SIZE / 2;
		if ((err = dma_map(m, e->place[place], len, parse_dir(word[2]))))
			return err;
		if ((err = dma_commit(m))) {
			dma_unmap(m);
			return err;
		}
		text_printf(t, "0x%lx\n", m->seg[0].iova.v);
		return 0;
		/* LAB 2 ELSE
		LAB 2 END */
	}
	if (strcmp(what, "unmap") == 0 && n == 2 && place >= 0) {
		if (!e->map[place].in_use)
			return -ENOENT;
		dma_unmap(&e->map[place]);
		return 0;
	}
	if (strcmp(what, "fill") == 0 && n == 3 && place >= 0 && parse_whole(word[2], &number)) {
		memset(e->place[place], number, DMA_BYTES);
		return 0;
	}
	if (strcmp(what, "peek") == 0 && n == 2 && place >= 0) {
		for (int i = 0; i < DMA_BYTES; i++)
			text_printf(t, "%02x", ((volatile u8 *)e->place[place])[i]);
		text_printf(t, "\n");
		return 0;
	}
	if (strcmp(what, "dma") == 0 && n == 3 && parse_whole(word[2], &number)) {
		if (strcmp(word[1], "read") == 0 || strcmp(word[1], "write") == 0)
			return dma(e, word[1][0] == 'w', (iova_t){number});
	}
	return -EINVAL;
}

static void
free_all(struct edu *e)
{
	irq_msi_free(&e->pci->dev, 0);
	for (int i = 0; i < PLACES; i++) {
		if (e->map[i].in_use)
			dma_unmap(&e->map[i]);
		dma_map_destroy(&e->map[i]);
	}
	for (int i = 0; i < 3; i++)
		if (e->page[i])
			page_free(e->page[i], FRAME_DMA);
	kfree(e);
}

static int
edu_probe(struct pci_dev *pci)
{
	static const struct dma_limits limits;
	struct edu *e = kmalloc(sizeof(*e));
	int err = 0;

	if (!e)
		return -ENOMEM;
	e->pci = pci;
	spin_init(&e->irq_lock, "edu irq");
	if (!(e->reg = pci_map_bar(pci, 0)) || (REG32(e->reg, REG_ID) & 0xff) != 0xed)
		err = -ENODEV;
	for (int i = 0; i < 3 && !err; i++)
		if (!(e->page[i] = page_alloc(FRAME_DMA)))
			err = -ENOMEM;
	for (int i = 0; i < PLACES && !err; i++) {
		e->place[i] = (char *)e->page[MIN(i, 2)] + (i == 3 ? PAGE_SIZE / 2 : 0);
		err = dma_map_create(&pci->dev, &limits, PAGE_SIZE, &e->map[i]);
	}
	if (!err)
		err = irq_msi(&pci->dev, 0, 0, edu_interrupt, e, "edu");
	pci->priv = e;
	if (!err) {
		pci_bus_master(pci, true);
		snprintf(e->path, sizeof(e->path), "/dev/edu%d", dev_unit("/dev/edu"));
		err = cmdfile_add(&e->file, e->path, command, e);
	}
	if (err)
		free_all(e);
	else
		pr_info("edu %s: %s", pci->dev.name, e->path + 5);
	return err;
}

static int
edu_remove(struct pci_dev *pci)
{
	struct edu *e = pci->priv;
	int err = dev_remove(e->path);

	if (err)
		return err;
	pci_bus_master(pci, false);
	free_all(e);
	return 0;
}

PCI_DRIVER(edu_driver) = {
	.name = "edu",
	.vendor = 0x1234,
	.device = 0x11e8,
	.dma_mask = (1 << 28) - 1,
	.probe = edu_probe,
	.remove = edu_remove,
};
