/*
 * A VM's memory: scattered frames under a nested table. A page gets its frame when it is first
 * touched, and may get another one at any time, also while the guest and its devices work: unless
 * it is pinned, because then a device may be about to write it.
 */
#include "hal/timer.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"
#include "kernel/trace.h"
#include "vmm/vm.h"

#define RESERVE   (8UL << (20 - PAGE_SHIFT)) /* frames that guests leave to the host */
#define PLENTY    (4 * RESERVE)              /* with so many free, 2 MiB at once */
#define BIG_ORDER 9
#define BIG_PAGE  (PAGE_SIZE << BIG_ORDER)
#define MOVE_MAX  32 /* pages in a move: that long interrupts are off */

/* A block for the guest's pages from `page` on, never at the address at which the guest sees it:
 * whoever confuses GPA and HPA notices at once. 0 if there is none. */
static paddr_t
block(struct vm *vm, u32 page, unsigned order)
{
	paddr_t pa = frame_alloc(order, FRAME_VM), same = (u64)page * PAGE_SIZE;

	if (pa && pa == same) {
		pa = frame_alloc(order, FRAME_VM);
		frame_free(same, order, FRAME_VM);
	}
	for (unsigned i = 0; pa && i < 1u << order; i++)
		frame_set_vm(pa + i * PAGE_SIZE, vm->id, page + i);
	return pa;
}

/* Gives the guest's pages from gpa on a zeroed block. False if there is no memory for it. */
static bool
populate(struct vm *vm, u64 gpa, unsigned order)
{
	paddr_t pa = block(vm, gpa / PAGE_SIZE, order);
	struct pt_gather none = {0};

	if (!pa)
		return false;
	memset(phys_to_virt(pa), 0, PAGE_SIZE << order);
	if (pt_map(&vm->npt, gpa, pa, PAGE_SIZE << order, PT_R | PT_W | PT_X, &none)) {
		frame_free(pa, order, FRAME_VM);
		return false;
	}
	vm->touched += 1u << order;
	return true;
}

bool
vm_touch(struct vm *vm, gpa_t gpa)
{
	u64 big = ROUND_DOWN(gpa.v, BIG_PAGE), free = frame_count(FRAME_FREE);

	if (gpa.v >= vm->mem)
		return false;
	if (pt_lookup(&vm->npt, gpa.v, NULL, NULL)) /* another CPU of the guest was faster */
		return true;
	if (free > PLENTY && big && big + BIG_PAGE <= vm->mem && !pt_entries(&vm->npt, big, 1) &&
		populate(vm, big, BIG_ORDER))
		return true;
	return free > RESERVE && populate(vm, ROUND_DOWN(gpa.v, PAGE_SIZE), 0);
}

bool
vm_hpa(struct vm *vm, gpa_t gpa, hpa_t *hpa)
{
	return vm_touch(vm, gpa) && pt_lookup(&vm->npt, gpa.v, &hpa->v, NULL);
}

/* Copies between us and a VM's memory; to it if `in` is given, else out of it. */
static bool
vm_copy(struct vm *vm, gpa_t gpa, const char *in, char *out, size_t n)
{
	for (size_t done = 0; done < n;) {
		gpa_t at = {gpa.v + done};
		size_t k = MIN(n - done, PAGE_SIZE - (at.v & PAGE_MASK));
		hpa_t hpa;

		if (at.v < gpa.v || !vm_hpa(vm, at, &hpa))
			return false;
		if (in)
			memcpy(phys_to_virt(hpa.v), in + done, k);
		else
			memcpy(out + done, phys_to_virt(hpa.v), k);
		done += k;
	}
	return true;
}

bool
vm_write(struct vm *vm, gpa_t gpa, const void *src, size_t n)
{
	return vm_copy(vm, gpa, src, NULL, n);
}

bool
vm_read(struct vm *vm, gpa_t gpa, void *dst, size_t n)
{
	return vm_copy(vm, gpa, NULL, dst, n);
}

void
vm_free_memory(struct vm *vm)
{
	for (u64 at = 0; at < vm->mem && pt_next(&vm->npt, &at) && at < vm->mem; at += PAGE_SIZE) {
		paddr_t pa = 0;

		pt_lookup(&vm->npt, at, &pa, NULL);
		frame_free(pa, 0, FRAME_VM); /* panics if a pin was forgotten */
	}
	pt_destroy(&vm->npt);
}

/* Nobody sees a page on its way: a vCPU that touches it faults, and waits for vm->lock. */
int
vm_move(struct vm *vm, gpa_t *at, u64 end, unsigned want)
{
	/* LAB 12: steps 2 to 4: up to MOVE_MAX pages, in the right order; vm->lock always held. */
	/* Remove the entry; flush and wait; copy; enter the new frame; free the old one. */
	struct {
		u64 gpa;
		paddr_t from, to;
	} page[MOVE_MAX];
	unsigned n = 0;
	struct pt_gather g = {0};
	u64 removed;
	int err = 0;

	spin_lock(&vm->lock);
	for (; n < MIN(want, MOVE_MAX) && at->v < end && !err; at->v += PAGE_SIZE) {
		if (!pt_next(&vm->npt, &at->v) || at->v >= end)
			break;
		if (at->v >= VM_ROM_START && at->v < VM_ROM_END)
			continue; /* no driver can pin it, so it says nothing */
		pt_lookup(&vm->npt, at->v, &page[n].from, NULL);
		if (frame_pins(page[n].from)) {
			vm->stayed++;
			continue;
		}
		if (!(page[n].to = block(vm, at->v / PAGE_SIZE, 0))) {
			err = -ENOMEM;
		} else if ((err = pt_unmap(&vm->npt, at->v, PAGE_SIZE, &removed, &g))) {
			frame_free(page[n].to, 0, FRAME_VM); /* a large page that cannot be split */
		} else {
			page[n++].gpa = at->v;
		}
	}
	if (n)
		vm_flush(vm);
	pt_gather_free(&vm->npt, &g);
	for (unsigned i = 0; i < n; i++) {
		memcpy(phys_to_virt(page[i].to), phys_to_virt(page[i].from), PAGE_SIZE);
		int lost = pt_map(
			&vm->npt, page[i].gpa, page[i].to, PAGE_SIZE, PT_R | PT_W | PT_X, &g);
		ASSERT(!lost); /* its table is there */
		trace_page_move(vm->id, page[i].gpa >> PAGE_SHIFT, page[i].from, page[i].to);
		frame_free(page[i].from, 0, FRAME_VM);
	}
	vm->moved += n;
	spin_unlock(&vm->lock);
	return n ? (int)n : err;
	/* LAB 12 ELSE
	return -ENOSYS;
	LAB 12 END */
}

/* Moves the VM's pages round and round until it is told to stop. */
static void
mover(void *arg)
{
	struct vm *vm = arg;
	gpa_t at = {0};
	u64 moved = 0, stayed = vm->stayed;
	bool told = false;

	while (READ_ONCE(vm->move_ms) && !READ_ONCE(vm->stop)) {
		vm_move(vm, &at, vm->mem, MOVE_MAX);
		if (at.v >= vm->mem) { /* once round */
			if (vm->moved == moved && !told)
				pr_info("vm %s: its pages stay where they are: all %lu are pinned",
					vm->name, vm->stayed - stayed);
			told |= vm->moved == moved;
			moved = vm->moved, stayed = vm->stayed;
			at.v = 0;
		}
		spin_lock(&vm->lock);
		if (vm->move_ms)
			proc_sleep_until(
				&vm->move_ms, &vm->lock, timer_ns() + vm->move_ms * 1000000UL);
		spin_unlock(&vm->lock);
	}
	spin_lock(&vm->lock);
	vm->mover = false;
	spin_unlock(&vm->lock);
	wakeup(vm); /* only its address: it may be freed by now */
}

int
vm_move_every(struct vm *vm, u32 ms)
{
	char name[24];

	spin_lock(&vm->lock);
	vm->move_ms = ms;
	wakeup(&vm->move_ms);
	while (!ms && vm->mover) /* on return it is gone */
		proc_sleep(vm, &vm->lock);
	spin_unlock(&vm->lock);
	if (ms && !vm->mover) {
		snprintf(name, sizeof(name), "move:%s", vm->name);
		vm->mover = true;
		if (!kthread_start(name, mover, vm)) {
			vm->mover = false;
			return -ENOMEM;
		}
	}
	return 0;
}
