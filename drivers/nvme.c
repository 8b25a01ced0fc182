/*
 * NVMe disks: NVM Express base specification 1.4. An admin queue, and an I/O queue pair for each
 * CPU; MSI-X; PRP lists. Every wait has a limit, every failure an error.
 */
#include "drivers/pci.h"
#include "hal/dma.h"
#include "hal/irq.h"
#include "hal/timer.h"
#include "kernel/blk.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/trace.h"

/* Controller registers, 3.1. */
enum {
	REG_CAP = 0x00,
	REG_CC = 0x14,
	REG_CSTS = 0x1c,
	REG_AQA = 0x24,
	REG_ASQ = 0x28,
	REG_ACQ = 0x30,
	REG_DOORBELL = 0x1000,
};
enum { CC_EN = 1, CSTS_RDY = 1, CSTS_CFS = 2 };
enum { ADMIN_CREATE_SQ = 1, ADMIN_CREATE_CQ = 5, ADMIN_IDENTIFY = 6, ADMIN_VIRTUALIZE = 0x1c };
enum { IO_FLUSH = 0, IO_WRITE = 1, IO_READ = 2 };

struct command { /* 4.2 */
	u8 opcode, flags;
	u16 id;
	u32 nsid;
	u64 reserved, metadata;
	u64 prp1, prp2;
	u32 cdw[6]; /* dwords 10 to 15 */
};
struct completion { /* 4.6 */
	u32 result, reserved;
	u16 sq_head, sq_id;
	u16 id, status; /* status bit 0: phase */
};
_Static_assert(sizeof(struct command) == 64 && sizeof(struct completion) == 16, "NVMe 4");

#define ENTRIES      128        /* of a queue: more than SLOTS */
#define SLOTS        96         /* requests under way in a queue */
#define KEPT         16         /* of them for threads that wait: not for asynchronous I/O */
#define MAX_TRANSFER (64 << 10) /* bytes of one request */
#define PRPS         (MAX_TRANSFER / PAGE_SIZE)
#define PRP_PAGES    6 /* of a queue */
#define TIMEOUT_NS   30000000000UL
#define LOOK_NS      100000000UL /* a lost interrupt must not be the end */

/* A request: its buffer's map and PRP list are made once. */
struct slot {
	struct blk_io io;
	struct command command;
	struct dma_map map;
	u64 *prps; /* PRPS + 1 entries in the queue's PRP pages */
	iova_t prps_iova;
	bool running;
};

struct queue {
	struct nvme *ctrl;
	u16 id;
	struct spinlock lock; /* over all below */
	struct command *sq;
	volatile struct completion *cq;
	u64 *prp_page;
	iova_t sq_iova, cq_iova, prp_iova;
	u16 tail, head, phase;
	struct slot slot[SLOTS], *free[SLOTS];
	unsigned nfree;
};

struct nvme {
	struct pci_dev *pci;
	volatile void *reg;
	unsigned stride;                   /* bytes between doorbells */
	u64 ready_limit;                   /* ns */
	unsigned nqueues;                  /* I/O queues */
	struct queue *queue[MAX_CPUS + 1]; /* 0: admin */
	bool failed;
	struct blkdev disk;
};

static void
ring(struct queue *q, bool completion, u16 value)
{
	/* LAB 3: step 2: each queue has two doorbells (3.1.16, 3.1.17). */
	REG32(q->ctrl->reg, REG_DOORBELL + (2 * q->id + completion) * q->ctrl->stride) = value;
	/* LAB 3 ELSE
	LAB 3 END */
}

/* A request is done, or never will be. Lock held. */
static void
finish(struct queue *q, struct slot *s, int err)
{
	struct blk_channel *ch = s->io.channel;

	s->running = false;
	s->io.error = err;
	ch->running--;
	ch->ndone++;
	list_add_tail(&ch->done, &s->io.link);
}

/* Takes what the controller has completed; whether there was anything. Lock held. */
static bool
reap(struct queue *q)
{
	bool any = false;

	/* LAB 3: step 4: all that is new, each to its slot; then the doorbell. */
	for (; (READ_ONCE(q->cq[q->head].status) & 1) == q->phase; any = true) {
		u16 id = q->cq[q->head].id, status = q->cq[q->head].status >> 1 & 0x7ff;

		if (status)
			pr_err("nvme %s: status 0x%x", q->ctrl->pci->dev.name, status);
		if (id < SLOTS && q->slot[id].running) {
			trace_nvme_complete_rq(q->ctrl->pci->dev.rid, q->id << 16 | id, status, 0);
			finish(q, &q->slot[id], status ? -EIO : 0);
		}
		if (++q->head == ENTRIES) {
			q->head = 0;
			q->phase ^= 1;
		}
	}
	if (any) {
		ring(q, true, q->head);
		wakeup(q);
	}
	/* LAB 3 ELSE
	LAB 3 END */
	return any;
}

static void
nvme_interrupt(void *arg)
{
	struct queue *q = arg;

	spin_lock(&q->lock);
	reap(q);
	spin_unlock(&q->lock);
}

/*
 * Fills in the data pointers (4.3): the first page, and the second or a list of all others. The
 * segments are cut into pages; all but the first begin on a page boundary.
 */
static void
set_prps(struct slot *s)
{
	/* LAB 3: step 5: into the slot's list, and from there into its command. */
	struct command *c = &s->command;
	unsigned n = 0;

	for (unsigned i = 0; i < s->map.nseg; i++) {
		u64 at = s->map.seg[i].iova.v, end = at + s->map.seg[i].len;
		for (; at < end; at = ROUND_DOWN(at, PAGE_SIZE) + PAGE_SIZE)
			s->prps[n++] = at;
	}
	c->prp1 = n ? s->prps[0] : 0;
	c->prp2 = n == 2 ? s->prps[1] : n > 2 ? s->prps_iova.v + sizeof(u64) : 0;
	/* LAB 3 ELSE
	LAB 3 END */
}

/* The controller does not answer or says that it is broken: no more requests. */
static void
fail(struct queue *q, const char *what)
{
	pr_err("nvme %s: %s (CSTS 0x%x): given up", q->ctrl->pci->dev.name, what,
		REG32(q->ctrl->reg, REG_CSTS));
	q->ctrl->failed = true;
	pci_bus_master(q->ctrl->pci, false); /* before its memory is used for something else */
	wakeup(q);
}

static unsigned
nvme_take(struct blk_channel *ch, struct blk_io *io[], unsigned n, bool wait)
{
	struct queue *q = ch->queue;
	unsigned taken = 0;

	spin_lock(&q->lock);
	while (wait && !q->nfree && !q->ctrl->failed)
		proc_sleep_until(q, &q->lock, timer_ns() + LOOK_NS);
	while (taken < n && q->nfree > (wait ? 0 : KEPT) && !q->ctrl->failed)
		io[taken++] = &q->free[--q->nfree]->io;
	spin_unlock(&q->lock);
	return taken;
}

static struct slot *
slot_of(struct blk_io *io)
{
	return container_of(io, struct slot, io);
}

static void
nvme_give(struct blk_channel *ch, struct blk_io *io[], unsigned n)
{
	struct queue *q = ch->queue;

	spin_lock(&q->lock);
	while (n) {
		io[--n]->n = 0;
		q->free[q->nfree++] = slot_of(io[n]);
	}
	wakeup(q);
	spin_unlock(&q->lock);
}

/*
 * Maps the buffers of n requests and begins their commands, with one ring: how many, an error if it
 * is none. Bits 1:0 of an opcode say which way the data goes (4.2), as enum dma_dir does.
 */
static int
begin(struct blk_channel *ch, struct blk_io *io[], unsigned n)
{
	struct queue *q = ch->queue;
	unsigned mapped = 0, begun = 0;
	struct slot *s;
	int err = 0;

	for (; mapped < n; mapped++) {
		s = slot_of(io[mapped]);
		if (s->io.n &&
			(err = dma_map_sg(&s->map, s->io.sg, s->io.n, s->command.opcode & 3)))
			break;
	}
	spin_lock(&q->lock);
	for (int late = 0; begun < mapped; begun++) {
		s = slot_of(io[begun]);
		if (s->io.n && (late = dma_commit(&s->map))) {
			err = late;
			break;
		}
		if (s->io.n)
			set_prps(s);
		s->command.id = s - q->slot;
		s->io.channel = ch;
		s->running = true;
		/* LAB 3: step 3: into the submission queue; who rings is below. */
		q->sq[q->tail] = s->command;
		q->tail = (q->tail + 1) % ENTRIES;
		/* LAB 3 ELSE
		LAB 3 END */
		trace_nvme_setup_cmd(q->ctrl->pci->dev.rid,
			s->command.opcode << 24 | q->id << 16 | s->command.id, s->command.prp1,
			s->command.cdw[0] | (u64)s->command.cdw[1] << 32);
		ch->running++;
	}
	ring(q, false, q->tail);
	spin_unlock(&q->lock);
	for (unsigned i = begun; i < mapped; i++)
		dma_unmap(&slot_of(io[i])->map);
	if (err)
		pr_err("nvme %s: cannot map the buffer: %s", q->ctrl->pci->dev.name, strerror(err));
	return begun ? (int)begun : err;
}

/* Waits until so many of a channel's requests are done. Lock held. */
static void
wait_done(struct queue *q, struct blk_channel *ch, unsigned min, bool killable)
{
	u64 start = timer_ns();

	reap(q);
	while (ch->ndone < min && ch->running && !(killable && current()->killed)) {
		bool woken = proc_sleep_until(q, &q->lock, timer_ns() + LOOK_NS);

		if (!reap(q) && !woken && REG32(q->ctrl->reg, REG_CSTS) & CSTS_CFS)
			fail(q, "fatal status");
		else if (ch->ndone < min && timer_ns() > start + TIMEOUT_NS)
			fail(q, "no completion in time");
		for (struct slot *s = q->slot; q->ctrl->failed && s < q->slot + SLOTS; s++)
			if (s->running) /* it is off the bus: nothing comes any more */
				finish(q, s, -ETIMEDOUT);
	}
}

static unsigned
nvme_collect(struct blk_channel *ch, struct blk_io *io[], unsigned max, unsigned min, bool killable)
{
	struct queue *q = ch->queue;
	unsigned n = 0;

	spin_lock(&q->lock);
	wait_done(q, ch, MIN(min, ch->running + ch->ndone), killable);
	for (; n < max && ch->ndone; ch->ndone--) {
		io[n] = list_entry(ch->done.next, struct blk_io, link);
		list_remove(&io[n++]->link);
	}
	spin_unlock(&q->lock);
	for (unsigned i = 0; i < n; i++)
		if (io[i]->n)
			dma_unmap(&slot_of(io[i])->map);
	return n;
}

/* Does one command, with a buffer of n pieces or one that it names itself. */
static int
request(struct queue *q, const struct command *c, const struct sg *sg, unsigned n)
{
	struct blk_channel ch = {.queue = q, .done = LIST_INIT(ch.done)};
	struct blk_io *io;
	int err;

	if (!nvme_take(&ch, &io, 1, true))
		return -EIO;
	slot_of(io)->command = *c;
	memcpy(io->sg, sg, n * sizeof(*sg));
	io->n = n;
	if ((err = begin(&ch, &io, 1)) > 0) {
		nvme_collect(&ch, &io, 1, 1, false);
		err = io->error;
	} else {
		err = -EIO; /* who asked for a block learns that it has none; the log says why */
	}
	nvme_give(&ch, &io, 1);
	return err;
}

/* The command that moves so many bytes at pos, which are blocks of the disk. */
static struct command
rw_command(const struct blkdev *b, bool write, u64 pos, u64 bytes)
{
	u64 lba = pos / b->block_size;

	return (struct command){.opcode = write ? IO_WRITE : IO_READ,
		.nsid = 1,
		.cdw = {(u32)lba, lba >> 32, bytes / b->block_size - 1}};
}

static int
nvme_start(struct blk_channel *ch, struct blk_io *io[], unsigned n)
{
	const struct queue *q = ch->queue;

	for (unsigned i = 0; i < n; i++)
		slot_of(io[i])->command = rw_command(
			&q->ctrl->disk, io[i]->write, io[i]->pos, io[i]->bytes);
	return begin(ch, io, n);
}

static struct queue *
my_queue(const struct blkdev *b)
{
	const struct nvme *n = b->driver;

	return n->queue[1 + current()->pid % n->nqueues];
}

static void
nvme_open(struct blkdev *b, struct blk_channel *ch)
{
	ch->queue = my_queue(b);
}

static const struct blk_async nvme_async = {.open = nvme_open,
	.take = nvme_take,
	.start = nvme_start,
	.collect = nvme_collect,
	.give = nvme_give};

static int
nvme_rw(struct blkdev *b, bool write, u64 pos, const struct sg *sg, unsigned n)
{
	struct command c;
	u64 bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += sg[i].len;
	if (!bytes || bytes % b->block_size || pos % b->block_size || bytes > b->max_bytes)
		return -EINVAL;
	if (pos / b->block_size + bytes / b->block_size > b->nblocks)
		return -EIO;
	c = rw_command(b, write, pos, bytes);
	return request(my_queue(b), &c, sg, n);
}

/* The flush command (6.8): what the controller's cache holds goes to the medium. */
static int
nvme_flush(struct blkdev *b)
{
	struct command c = {.opcode = IO_FLUSH, .nsid = 1};

	return request(my_queue(b), &c, NULL, 0);
}

static void
queue_free(struct queue *q)
{
	struct device *dev = &q->ctrl->pci->dev;

	irq_msi_free(dev, q->id); /* first: its handler reads what we are about to free */
	for (unsigned i = 0; i < SLOTS; i++)
		dma_map_destroy(&q->slot[i].map);
	dma_free(dev, q->sq, ENTRIES * sizeof(struct command), q->sq_iova);
	dma_free(dev, (void *)q->cq, ENTRIES * sizeof(struct completion), q->cq_iova);
	dma_free(dev, q->prp_page, PRP_PAGES * PAGE_SIZE, q->prp_iova);
	kfree(q);
}

/* Memory, maps and interrupt of a queue pair; NULL if any of it cannot be had. */
static struct queue *
queue_new(struct nvme *ctrl, u16 id)
{
	static const struct dma_limits limits;
	struct device *dev = &ctrl->pci->dev;
	struct queue *q = kmalloc(sizeof(*q));
	int err = -ENOMEM;

	if (!q)
		return NULL;
	q->ctrl = ctrl;
	q->id = id;
	q->phase = 1;
	spin_init(&q->lock, "nvme");
	q->sq = dma_alloc(dev, ENTRIES * sizeof(struct command), &q->sq_iova);
	q->cq = dma_alloc(dev, ENTRIES * sizeof(struct completion), &q->cq_iova);
	q->prp_page = dma_alloc(dev, PRP_PAGES * PAGE_SIZE, &q->prp_iova);
	if (q->sq && q->cq && q->prp_page)
		err = irq_msi(dev, id, id ? (id - 1) % ncpus : 0, nvme_interrupt, q, "nvme");
	for (unsigned i = 0; i < SLOTS && !err; i++) {
		struct slot *s = &q->slot[i];
		q->free[q->nfree++] = s;
		/* 16 lists of 32 entries in a page: 17 entries are needed */
		s->prps = q->prp_page + 32 * i;
		s->prps_iova.v = q->prp_iova.v + 32 * i * sizeof(u64);
		err = dma_map_create(dev, &limits, MAX_TRANSFER, &s->map);
	}
	if (!err)
		return q;
	queue_free(q);
	return NULL;
}
_Static_assert(SLOTS * 32 * sizeof(u64) <= PRP_PAGES * PAGE_SIZE && PRPS + 1 <= 32, "PRP pages");
_Static_assert(PRPS + 1 <= BLK_PIECES && SLOTS < ENTRIES, "a request");

static int
wait_ready(struct nvme *n, bool ready)
{
	u64 deadline = timer_ns() + n->ready_limit;

	while (!!(REG32(n->reg, REG_CSTS) & CSTS_RDY) != ready) {
		if (REG32(n->reg, REG_CSTS) & CSTS_CFS || timer_ns() > deadline)
			return -ETIMEDOUT;
		sleep_ms(1);
	}
	return 0;
}

/* Resets the controller and starts it with the admin queue (7.6.1). */
static int
start(struct nvme *n)
{
	struct queue *admin;
	int err;

	REG32(n->reg, REG_CC) = REG32(n->reg, REG_CC) & ~CC_EN;
	if ((err = wait_ready(n, false)))
		return err;
	pci_bus_master(n->pci, true);
	if (!(admin = n->queue[0] = queue_new(n, 0))) /* binds MSI-X: has to come before EN */
		return -ENOMEM;
	/* LAB 3: step 1: tell it of the admin queue pair, and enable it. */
	REG32(n->reg, REG_AQA) = (ENTRIES - 1) << 16 | (ENTRIES - 1);
	REG64(n->reg, REG_ASQ) = admin->sq_iova.v;
	REG64(n->reg, REG_ACQ) = admin->cq_iova.v;
	REG32(n->reg, REG_CC) = 4 << 20 | 6 << 16 | CC_EN; /* entries of 2^4 and 2^6 bytes */
	return wait_ready(n, true);
	/* LAB 3 ELSE
	return -ENOSYS;
	LAB 3 END */
}

/* Identify (5.15): a page of data of this kind. */
static int
identify_page(struct nvme *n, u8 kind, u32 nsid, void *page)
{
	struct sg sg = {page, PAGE_SIZE};
	struct command c = {.opcode = ADMIN_IDENTIFY, .nsid = nsid, .cdw = {kind}};

	return request(n->queue[0], &c, &sg, 1);
}

/* Reads controller and namespace data (5.15.2): size, block size, largest transfer. */
static int
identify(struct nvme *n)
{
	u8 *data = page_alloc(FRAME_KERNEL);
	unsigned shift, mdts;
	int err;

	if (!data)
		return -ENOMEM;
	err = identify_page(n, 1, 0, data);
	mdts = data[77];
	n->disk.max_bytes = mdts && mdts < 8 ? MIN(PAGE_SIZE << mdts, MAX_TRANSFER) : MAX_TRANSFER;
	if (!err)
		err = identify_page(n, 0, 1, data);
	if (!err) {
		u32 format; /* figure 247: LBA format in use, its log2 of bytes a block */
		memcpy(&n->disk.nblocks, data, 8);
		memcpy(&format, data + 128 + 4 * (data[26] & 15), 4);
		shift = format >> 16 & 0xff;
		n->disk.block_size = 1u << shift;
		/* A blocked DMA looks like success to QEMU 7.2's nvme, with the data missing. */
		if (!n->disk.nblocks || shift < 9 || shift > PAGE_SHIFT)
			err = -EIO;
	}
	page_free(data, FRAME_KERNEL);
	return err;
}

/* One queue pair a CPU, as far as vectors and controller go (5.3, 5.4). */
static int
create_io_queues(struct nvme *n)
{
	unsigned want = MIN((unsigned)ncpus, n->pci->dev.msi_count - 1u);

	for (u16 id = 1; id <= want; id++) {
		/* LAB 3: step 6: a completion queue, and a submission queue that leads there. */
		struct queue *q = queue_new(n, id);
		struct command cq = {.opcode = ADMIN_CREATE_CQ,
			.cdw = {(ENTRIES - 1) << 16 | id, (u32)id << 16 | 3}};
		struct command sq = {.opcode = ADMIN_CREATE_SQ,
			.cdw = {(ENTRIES - 1) << 16 | id, (u32)id << 16 | 1}};

		if (!q)
			break;
		cq.prp1 = q->cq_iova.v;
		sq.prp1 = q->sq_iova.v;
		if (request(n->queue[0], &cq, NULL, 0) || request(n->queue[0], &sq, NULL, 0)) {
			queue_free(q);
			break;
		}
		n->queue[id] = q;
		n->nqueues = id;
		/* LAB 3 ELSE
		LAB 3 END */
	}
	return n->nqueues ? 0 : -EIO;
}

/* Virtualization management (5.22): what a secondary controller has, and that it lives. */
enum { ASSIGN_QUEUES = 8, ASSIGN_INTERRUPTS = 1 << 8 | 8, ONLINE = 9 };

static int
virtualize(struct nvme *n, u32 what, u32 count)
{
	struct command c = {.opcode = ADMIN_VIRTUALIZE, .cdw = {what, count}};

	return request(n->queue[0], &c, NULL, 0);
}

/* Each function gets an equal share of the queues and interrupts, and goes online (8.5). */
static int
nvme_share(struct pci_dev *pci, unsigned nvfs)
{
	struct nvme *n = pci->priv;
	u32 *data = page_alloc(FRAME_KERNEL), queues, interrupts;
	int err;

	if (!data)
		return -ENOMEM;
	err = identify_page(n, 0x14, 0, data); /* 5.15.2.11: of each so many in all, at most */
	queues = MIN(data[8] / nvfs, data[11] & 0xffff);
	interrupts = MIN(data[16] / nvfs, data[19] & 0xffff);
	if (!err)
		err = identify_page(n, 0x15, 0, data); /* 5.15.2.12: entries of 32 bytes */
	for (u32 *e = data + 8, *end = e + 8 * MIN(data[0] & 0xffff, 127u); e < end && !err;
		e += 8) {
		u32 controller = e[0] << 16;

		if ((e[2] & 0xffff) - 1 >= nvfs) /* the number of its function, from 1 on */
			continue;
		err = virtualize(n, controller | ASSIGN_QUEUES, queues);
		err = err ? err : virtualize(n, controller | ASSIGN_INTERRUPTS, interrupts);
		err = err ? err : virtualize(n, controller | ONLINE, 0);
	}
	page_free(data, FRAME_KERNEL);
	return err;
}

/* Stops the controller, then frees what it could reach. */
static void
stop(struct nvme *n)
{
	REG32(n->reg, REG_CC) = REG32(n->reg, REG_CC) & ~CC_EN;
	wait_ready(n, false);
	pci_bus_master(n->pci, false);
	for (unsigned i = 0; i < NELEM(n->queue); i++)
		if (n->queue[i])
			queue_free(n->queue[i]);
	kfree(n);
}

static int
nvme_probe(struct pci_dev *pci)
{
	struct nvme *n = kmalloc(sizeof(*n));
	u64 cap;
	int err;

	if (!n)
		return -ENOMEM;
	n->pci = pci;
	if (!(n->reg = pci_map_bar(pci, 0))) {
		kfree(n);
		return -ENODEV;
	}
	cap = REG64(n->reg, REG_CAP);
	n->stride = 4 << (cap >> 32 & 15);
	n->ready_limit = ((cap >> 24 & 0xff) + 1) * 500000000UL;
	if (!(err = start(n)) && !(err = identify(n)))
		err = create_io_queues(n);
	if (!err) {
		snprintf(n->disk.name, sizeof(n->disk.name), "nvme%d", dev_unit("/dev/nvme"));
		n->disk.driver = n;
		n->disk.rw = nvme_rw;
		n->disk.flush = nvme_flush;
		n->disk.async = &nvme_async;
		pci->priv = n;
		err = blk_add(&n->disk);
	}
	if (err) {
		stop(n);
		return err;
	}
	pr_info("nvme %s: %s, %lu blocks of %u bytes, %u queue%s", pci->dev.name, n->disk.name,
		n->disk.nblocks, n->disk.block_size, n->nqueues, n->nqueues == 1 ? "" : "s");
	return 0;
}

static int
nvme_remove(struct pci_dev *pci)
{
	struct nvme *n = pci->priv;
	int err = blk_remove(&n->disk);

	if (err)
		return err;
	stop(n);
	return 0;
}

PCI_DRIVER(nvme_driver) = {
	.name = "nvme",
	.class = 0x010802,
	.class_mask = 0xffffff,
	.probe = nvme_probe,
	.remove = nvme_remove,
	.share = nvme_share,
};
