/* Devices change hands here, and only when they are quiet. */
#include "vmm/assign.h"
#include "hal/irq.h"
#include "hal/pciconf.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"

#define QUIET_MS 150 /* QEMU's edu finishes a DMA 100 ms after it was started */

struct assigned *
assigned_find(struct vm *vm, rid_t rid)
{
	return list_find(struct assigned, link, &vm->devices, d, d->rid == rid);
}

struct assigned *
assigned_at(struct vm *vm, rid_t guest_rid)
{
	return list_find(struct assigned, link, &vm->devices, d, d->guest_rid == guest_rid);
}

/* The end of a BAR of the VM's that lies in [start, end); 0 if none does. vm->lock held. */
static u64
bar_in(const struct vm *vm, u64 start, u64 end)
{
	list_for_each (it, &vm->devices) {
		const struct assigned *d = list_entry(it, struct assigned, link);

		for (unsigned i = 0; i < NELEM(d->bar); i++)
			if (d->bar[i].value < end && d->bar[i].value + d->bar[i].size > start)
				return d->bar[i].value + d->bar[i].size;
	}
	return 0;
}

/*
 * The guest's BARs: memory only, at the first free addresses, as firmware would. A BAR smaller than
 * a page could let the guest reach its neighbour's registers: it is left out; so is one that
 * finds no room: how many. The device is in the VM's list; vm->lock held.
 */
static unsigned
init_bars(struct assigned *d)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < NELEM(d->bar); i++) {
		struct pci_bar *b = &d->pci->bar[i];
		u64 at = VM_MMIO_START, taken;

		if (b->io || !b->addr || b->size < PAGE_SIZE || b->addr & PAGE_MASK)
			continue;
		while ((taken = bar_in(d->vm, at, at + b->size)))
			at = ROUND_UP(taken, b->size);
		if (at + b->size > VM_MMIO_END) {
			lost++;
			continue;
		}
		d->bar[i].hpa.v = b->addr;
		d->bar[i].size = b->size;
		d->bar[i].mask = ~(b->size - 1);
		d->bar[i].value = at;
	}
	return lost;
}

/* The MSI-X table and pending bits would let the guest choose interrupts: never mapped. */
static bool
is_msix_page(const struct assigned *d, unsigned bar, u64 offset)
{
	struct pci_dev *pci = d->pci;
	u32 pba;

	if (!pci->dev.msix_cap)
		return false;
	pba = pci_read(d->rid, pci->dev.msix_cap + 8, 4);
	return (bar == pci->msix_bar &&
		       offset + PAGE_SIZE > ROUND_DOWN((u64)pci->msix_offset, PAGE_SIZE) &&
		       offset < pci->msix_offset + 16UL * pci->dev.msi_count) ||
	       (bar == (pba & 7) && offset == ROUND_DOWN((u64)(pba & ~7u), PAGE_SIZE));
}

/* Takes the hole out of [at, at+size), where a device was: another comes. vm->lock held. */
static void
fill_hole(struct vm *vm, u64 at, u64 size, struct pt_gather *g)
{
	u64 removed;
	paddr_t pa;

	for (u64 end = at + size; vm->hole && at < end; at += PAGE_SIZE)
		if (pt_lookup(&vm->npt, at, &pa, NULL) && pa == virt_to_phys(vm->hole))
			pt_unmap(&vm->npt, at, PAGE_SIZE, &removed, g);
}

/* Where the guest wants a BAR; 0: nowhere, as over RAM. vm->lock held. */
static u64
bar_place(const struct assigned *d, unsigned bar)
{
	u64 at = d->command & CMD_MEMORY ? d->bar[bar].value & d->bar[bar].mask : 0;

	return at >= VM_MMIO_START && at + d->bar[bar].size <= VM_MMIO_END ? at : 0;
}

/* Takes the first n bytes of a BAR out of where it is mapped, if it is. vm->lock held. */
static void
unmap_bar(struct assigned *d, unsigned bar, u64 n, struct pt_gather *g)
{
	/* LAB 9: step 2: but for the page of its messages, which never was there. */
	u64 removed, from = d->bar[bar].mapped_at.v;

	for (u64 at = 0; from && at < n; at += PAGE_SIZE)
		if (!is_msix_page(d, bar, at))
			pt_unmap(&d->vm->npt, from + at, PAGE_SIZE, &removed, g);
	d->bar[bar].mapped_at.v = 0;
	/* LAB 9 ELSE
	LAB 9 END */
}

/* Maps a BAR where the guest wants it, unless another is there, or memory lacks. vm->lock held. */
static void
map_bar(struct assigned *d, unsigned bar, struct pt_gather *g)
{
	/* LAB 9: step 2: each page but that of its messages; all of it or nothing. */
	u64 place = bar_place(d, bar), at = 0;

	if (!place || d->bar[bar].mapped_at.v)
		return;
	d->bar[bar].mapped_at.v = place;
	fill_hole(d->vm, place, d->bar[bar].size, g);
	for (; at < d->bar[bar].size; at += PAGE_SIZE)
		if (!is_msix_page(d, bar, at) &&
			pt_map(&d->vm->npt, place + at, d->bar[bar].hpa.v + at, PAGE_SIZE,
				PT_R | PT_W | PT_UNCACHED, g)) {
			unmap_bar(d, bar, at, g);
			return;
		}
	/* LAB 9 ELSE
	(void)fill_hole, (void)is_msix_page;
	LAB 9 END */
}

/* Maps the BARs where the guest has put them, or unmaps them. vm->lock held. */
static void
update_bars(struct assigned *d)
{
	struct vm *vm = d->vm;
	struct pt_gather g = {0};

	for (unsigned i = 0; i < NELEM(d->bar); i++)
		if (d->bar[i].mapped_at.v != bar_place(d, i))
			unmap_bar(d, i, d->bar[i].size, &g);
	list_for_each (it, &vm->devices) /* also those that one of these was in the way of */
		for (unsigned i = 0; i < NELEM(d->bar); i++)
			map_bar(list_entry(it, struct assigned, link), i, &g);
	/* Tables may be freed, and the device may be another VM's: no vCPU may still reach it. */
	if (g.start != g.end)
		vm_flush(vm);
	pt_gather_free(&vm->npt, &g);
}

/* The real bus-master bit: set only if the guest wants it and policy permits. vm->lock held. */
static void
update_master(struct assigned *d)
{
	/* LAB 9: step 3: only if all who have a say in it agree. */
	pci_bus_master(d->pci, d->permit && !d->cut && d->command & CMD_MASTER);
	/* LAB 9 ELSE
	pci_bus_master(d->pci, false);
	LAB 9 END */
}

/*
 * A blocked DMA of the VM's device: into the VM's queue. From the fault interrupt. One that was too
 * many takes the bus from the device, until somebody permits it again; of that the guest is told
 * even if its queue is full.
 */
static void
assigned_fault(void *owner, const struct iommu_fault *f, bool cut)
{
	struct assigned *d = owner;
	struct vm *vm = d->vm;
	struct vcpu *v;
	u8 vector;

	spin_lock(&vm->lock);
	if (cut) {
		d->cut = true;
		update_master(d);
	}
	if (vm->fault_written - vm->fault_read == NELEM(vm->faults)) {
		vm->faults_lost++;
		vm->fault_written -= cut;
	}
	if (vm->fault_written - vm->fault_read < NELEM(vm->faults)) {
		vm->faults[vm->fault_written++ % NELEM(vm->faults)] = (struct hc_fault){
			.iova = f->iova.v,
			.rid = d->guest_rid,
			.write = f->write,
			.reason = f->reason,
			.lost = vm->faults_lost,
			.cut = cut};
		vm->faults_lost = 0;
	}
	vector = d->fault_vector;
	v = d->fault_vcpu;
	spin_unlock(&vm->lock);
	if (vector)
		vlapic_post(v, vector);
}

void
assigned_set_command(struct assigned *d, u16 command)
{
	d->command = command & (CMD_IO | CMD_MEMORY | CMD_MASTER | CMD_NO_INTX);
	update_master(d);
	update_bars(d);
}

void
assigned_set_bar(struct assigned *d, unsigned bar, u32 value)
{
	d->bar[bar].value = value & (u32)d->bar[bar].mask;
	update_bars(d);
}

/*
 * Makes a device quiet that nobody drives: bus master off, then a reset. One that cannot be reset
 * (edu) is given the time that a DMA under way may take.
 */
static void
quiesce(struct pci_dev *pci)
{
	pci_bus_master(pci, false);
	if (!pci_reset(pci))
		sleep_ms(QUIET_MS);
}

/*
 * Where the guest finds the device: where the host does, if that is function 0 of a slot on bus 0
 * and still free; else in another such slot, for the guest sees no bridges.
 */
static rid_t
guest_place(struct vm *vm, rid_t rid)
{
	rid_t place = rid;

	for (unsigned dev = 31; dev && (RID_BUS(place) || RID_FN(place) || assigned_at(vm, place));
		dev--)
		place = RID(0, dev, 0);
	return place;
}

/* Why the device cannot be assigned as things are; NULL if it can. */
static const char *
refuse(const struct pci_dev *pci)
{
	struct iova_range range;

	if (!pci)
		return "no such device (see lspci)";
	if (pci->class >> 8 == 0x0806)
		return "it is the IOMMU itself";
	if (pci->class >> 16 == 6)
		return "a bridge cannot be assigned";
	if (pci->user)
		return "it is assigned already";
	if (iommu_reserved(pci->dev.rid, &range, 1))
		return "the firmware keeps memory for it (RMRR), which no VM has at that place";
	if (pci->dev.twins > 1)
		return "other devices behind its bridge share its requester id: the IOMMU cannot "
		       "tell them apart, and such a group stays on the host";
	if (iommu_hw() && iommu_hw()->reach() < 1UL << HC_IOVA_BITS)
		return "the IOMMU's tables are too small";
	return NULL;
}

/* Why nothing would confine the device; NULL if something does. */
static const char *
unconfined(void)
{
	if (!iommu_hw())
		return iommu_why_not();
	if (!iommu_remaps_irqs())
		return "the IOMMU does not remap interrupts: the device could raise any of the "
		       "host's";
	return NULL;
}

int
assign_device(
	struct vm *vm, rid_t rid, bool permit, bool unsafe, u32 quota, u32 rate, const char **why)
{
	const struct iommu_ops *ops = iommu_hw() ? iommu_hw() : &iommu_none;
	struct pci_dev *pci = pci_find(rid);
	struct assigned *d;
	unsigned lost;
	int err;

	if ((*why = refuse(pci)))
		return -ENODEV;
	if ((*why = unconfined()) && !unsafe)
		return -EACCES;
	if (!(d = kmalloc(sizeof(*d))))
		return -ENOMEM;
	if ((err = pci_unbind(pci))) {
		if (err == -EBUSY)
			*why = "the host uses it (a mounted disk, an open file, dmabench, virtual "
			       "functions)";
		kfree(d);
		return err;
	}
	quiesce(pci);
	*d = (struct assigned){.vm = vm,
		.pci = pci,
		.rid = rid,
		.guest_rid = guest_place(vm, rid),
		.unsafe = *why,
		.permit = permit,
		.rate = rate};
	/* Twice its memory is more than a sensible guest maps, and a limit all the same. */
	d->quota = quota ? quota : 2 * vm->mem / PAGE_SIZE;
	/* LAB 9: step 1: a domain of its own, empty, and the device in it; on failure none. */
	if (!(err = domain_create(ops, &d->dom))) {
		d->dom->owner = d;
		d->dom->on_fault = assigned_fault; /* before the device can cause one */
		if ((err = iommu_attach(d->dom, rid, pci->dev.alias)))
			domain_destroy(d->dom);
	}
	/* LAB 9 ELSE
	(void)ops, (void)assigned_fault;
	err = -ENOSYS;
	LAB 9 END */
	if (err) {
		kfree(d);
		pci_bind(pci);
		return err;
	}
	pci_map_msix(pci);
	pci->user = vm->name;
	if (*why)
		pr_warn("vm %s: %s can %s, the host's too: %s", vm->name, pci->dev.name,
			iommu_hw() ? "raise any interrupt" : "reach all memory", *why);
	spin_lock(&vm->lock);
	list_add_tail(&vm->devices, &d->link);
	lost = init_bars(d);
	spin_unlock(&vm->lock);
	if (lost)
		pr_warn("vm %s: no room for %u BARs of %s", vm->name, lost, pci->dev.name);
	return 0;
}

/*
 * A device that goes while its VM runs leaves a page behind that reads as ones, as a bus does where
 * nobody answers; what the guest writes there stays there. Without memory for it, an access ends
 * the VM. vm->lock held.
 */
static void
leave_hole(struct assigned *d)
{
	struct vm *vm = d->vm;
	struct pt_gather none = {0};
	gpa_t was[6];

	for (unsigned i = 0; i < 6; i++)
		was[i] = d->bar[i].mapped_at;
	assigned_set_command(d, 0);
	if (!vm->hole && (vm->hole = page_alloc(FRAME_KERNEL)))
		memset(vm->hole, 0xff, PAGE_SIZE);
	for (unsigned i = 0; i < 6 && vm->hole; i++)
		for (u64 at = 0; was[i].v && at < d->bar[i].size; at += PAGE_SIZE)
			pt_map(&vm->npt, was[i].v + at, virt_to_phys(vm->hole), PAGE_SIZE,
				PT_R | PT_W, &none);
}

/*
 * Takes all grants back, some at a time: a large guest has a million, and vCPUs and the fault
 * interrupt want the lock. None comes meanwhile: it is denied, or out of the guest's sight.
 */
static void
revoke_all(struct assigned *d)
{
	iova_t at = {0};
	bool more = true;

	while (more) {
		spin_lock(&d->vm->lock);
		more = grant_revoke(d, &at);
		spin_unlock(&d->vm->lock);
	}
}

void
release_device(struct assigned *d)
{
	struct vm *vm = d->vm;
	struct pci_dev *pci = d->pci;

	/* LAB 9: step 4: the way back, in an order in which nothing can go wrong in between. */
	/* Out of the guest's sight, and bus master off: from here on it starts nothing new. */
	spin_lock(&vm->lock);
	list_remove(&d->link);
	leave_hole(d);
	spin_unlock(&vm->lock);
	for (unsigned i = 0; i < ASSIGNED_MESSAGES; i++)
		if (d->message[i].bound)
			irq_msi_free(&pci->dev, i);
	quiesce(pci);
	revoke_all(d);
	iommu_detach(d->dom);
	domain_destroy(d->dom);
	pci->user = NULL;
	kfree(d);
	pci_bind(pci);
	/* LAB 9 ELSE
	(void)leave_hole, (void)revoke_all;
	spin_lock(&vm->lock);
	list_remove(&d->link);
	spin_unlock(&vm->lock);
	pci->user = NULL;
	LAB 9 END */
}

void
assigned_set_policy(struct assigned *d, bool permit)
{
	spin_lock(&d->vm->lock);
	d->permit = permit;
	d->cut = false;
	update_master(d);
	spin_unlock(&d->vm->lock);
	if (!permit)
		revoke_all(d);
}
