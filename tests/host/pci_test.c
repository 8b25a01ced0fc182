/* PCI functions made of an array: capabilities, and BARs as devices have them (drivers/pci.c). */
#include "tests/host/harness.h"
#include "drivers/pci.h"
#include "hal/dma.h"
#include "hal/pciconf.h"
#include "hal/timer.h"
#include "kernel/devfs.h"
#include "kernel/mem.h"

u8 pci_capability(rid_t rid, u8 id); /* nobody else calls it */

#define THIS RID(0, 5, 0)

static u8 space[256];
static unsigned reads;
static u32 can_be_set[6]; /* of each BAR: the bits that a write changes */
static unsigned bars_at = CFG_BAR;

u32
pci_read(rid_t rid, unsigned offset, unsigned size)
{
	u32 v = 0;

	if (reads++ > 10000)
		panic("config space is read without end");
	if (CHECK(rid == THIS && offset + size <= sizeof(space) && offset % size == 0))
		memcpy(&v, space + offset, size);
	return v;
}

void
pci_write(rid_t rid, unsigned offset, unsigned size, u32 v)
{
	unsigned bar = (offset - bars_at) / 4;

	if (!CHECK(rid == THIS && offset >= bars_at && bar < 6 && size == 4))
		return;
	v = (v & can_be_set[bar]) | (pci_read(rid, offset, 4) & ~can_be_set[bar]);
	memcpy(space + offset, &v, 4);
}

/* What else of the kernel pci.c would call. */
const struct pci_driver __list_pci_driver_start[1], __list_pci_driver_end[1];
void
pci_write_map(rid_t rid, unsigned offset, unsigned size, u32 v)
{
}
void
pci_command(rid_t rid, u16 clear, u16 set)
{
}

unsigned
pci_last_bus(void)
{
	return 0;
}

int
dma_attach(struct device *dev)
{
	return 0;
}

int
dma_set_leaving(struct device *dev, bool leaving)
{
	return 0;
}

void
dma_detach(struct device *dev)
{
}

void *
map_device(paddr_t pa, u64 len)
{
	return NULL;
}

void
timer_delay_us(u64 us)
{
}

const char *
pci_add_vfs(struct pci_dev *pf, unsigned n)
{
	return NULL;
}

/* A BAR register with its address and size, both as they are in it. */
static void
set_bar(unsigned i, u32 v, u32 mask)
{
	memcpy(space + bars_at + 4 * i, &v, 4);
	can_be_set[i] = mask;
}

/* Reads the BARs, which must be what they were afterwards. */
static void
read(struct pci_bar bar[6])
{
	u8 before[256];

	memcpy(before, space, sizeof(space));
	memset(bar, 0, 6 * sizeof(*bar));
	pci_read_bars(THIS, bars_at, bar);
	CHECK(memcmp(before, space, sizeof(space)) == 0);
}

static bool
is(const struct pci_bar *b, u64 addr, u64 size, bool io, bool wide)
{
	return b->addr == addr && b->size == size && b->io == io && b->wide == wide;
}

static void
capabilities(void)
{
	test("pci: a capability is found, the first and the last");
	memset(space, 0, sizeof(space));
	space[CFG_STATUS] = 0x10;
	space[CFG_CAPABILITIES] = 0x43; /* the two low bits are reserved */
	space[0x40] = CAP_MSI, space[0x41] = 0x80;
	space[0x80] = CAP_PCIE, space[0x81] = 0x60;
	space[0x60] = CAP_MSIX, space[0x61] = 0;
	CHECK(pci_capability(THIS, CAP_MSI) == 0x40);
	CHECK(pci_capability(THIS, CAP_PCIE) == 0x80);
	CHECK(pci_capability(THIS, CAP_MSIX) == 0x60);
	test("pci: one that is not there is not");
	CHECK(pci_capability(THIS, 0x01) == 0);
	CHECK(pci_capability(THIS, 0) == 0);
	test("pci: no list, no capability");
	space[CFG_STATUS] = 0xef;
	CHECK(pci_capability(THIS, CAP_MSI) == 0);
	test("pci: a list that bites its tail has an end, and so has one into the header");
	space[CFG_STATUS] = 0x10;
	space[0x61] = 0x80;
	CHECK(pci_capability(THIS, CAP_MSIX) == 0x60);
	CHECK(pci_capability(THIS, 0x01) == 0);
	space[0x61] = 0x20;
	space[0x20] = 0x01;
	CHECK(pci_capability(THIS, 0x01) == 0);
}

static void
bars(void)
{
	struct pci_bar bar[6];

	test("pci: a memory BAR has address and size, and its register keeps them");
	memset(space, 0, sizeof(space));
	set_bar(0, 0xfea00000, 0xfff00000);
	set_bar(1, 0xfeb01008, 0xfffff000); /* prefetchable */
	read(bar);
	CHECK(is(&bar[0], 0xfea00000, 1 << 20, false, false));
	CHECK(is(&bar[1], 0xfeb01000, 4096, false, false));
	test("pci: what is not there is not");
	for (int i = 2; i < 6; i++)
		CHECK(is(&bar[i], 0, 0, false, false));
	test("pci: a BAR of ports, of 16 bits or 32");
	set_bar(2, 0xc041, 0xffe0);
	set_bar(3, 0x1001, 0xfffffff0);
	read(bar);
	CHECK(is(&bar[2], 0xc040, 32, true, false));
	CHECK(is(&bar[3], 0x1000, 16, true, false));
	test("pci: a BAR of 64 bits takes two registers");
	set_bar(0, 0x0000000c, 0xffffc000);
	set_bar(1, 0x0000000e, ~0u);
	set_bar(4, 0x00000004, 0);
	set_bar(5, 0x000000c0, 0xfffffff0);
	read(bar);
	CHECK(is(&bar[0], 0xe00000000, 0x4000, false, true));
	CHECK(is(&bar[1], 0, 0, false, false));
	CHECK(is(&bar[2], 0xc040, 32, true, false));
	test("pci: and may be larger than 4 GiB");
	CHECK(is(&bar[4], 0xc000000000, 0x1000000000, false, true));
	CHECK(is(&bar[5], 0, 0, false, false));
	test("pci: registers at another place, as virtual functions have them");
	memset(space, 0, sizeof(space));
	bars_at = 0x64;
	for (int i = 0; i < 6; i++)
		set_bar(i, 0xf0000000 + ((u32)i << 16), 0xffff8000);
	read(bar);
	for (int i = 0; i < 6; i++)
		CHECK(is(&bar[i], 0xf0000000 + ((u32)i << 16), 0x8000, false, false));
}

int
main(void)
{
	bars();
	capabilities();
	return test_done();
}
