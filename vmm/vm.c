/* A VM's memory, its birth and its end. */
#include "vmm/vm.h"
#include "kernel/abi.h"
#include "kernel/kalloc.h"
#include "kernel/mem.h"
#include "kernel/proc.h"
#include "vmm/assign.h"

static u16 next_id = 1;

bool
vm_hpa(struct vm *vm, gpa_t gpa, hpa_t *hpa)
{
	return gpa.v < vm->mem && pt_lookup(&vm->npt, gpa.v, &hpa->v, NULL);
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

/*
 * Fills the nested table with frames in no order, each at another address than the guest sees:
 * whoever confuses GPA and HPA notices at once.
 */
static int
populate(struct vm *vm)
{
	u64 n = vm->mem / PAGE_SIZE, seed = vm->id * 0x9e3779b97f4a7c15UL, got = 0;
	hpa_t *frame = kmalloc(n * sizeof(*frame));
	struct pt_gather none = {0};
	int err = frame ? 0 : -ENOMEM;

	for (; got < n && !err; got++) {
		if (!(frame[got].v = frame_alloc(0, FRAME_VM))) {
			err = -ENOMEM;
			break;
		}
		memset(phys_to_virt(frame[got].v), 0, PAGE_SIZE);
	}
	for (u64 i = n - 1; i > 0 && !err; i--) { /* Fisher and Yates, with xorshift */
		seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
		u64 k = seed % i; /* never i itself: every frame leaves its place */
		hpa_t t = frame[i];
		frame[i] = frame[k];
		frame[k] = t;
	}
	for (u64 i = 0; i < n && !err; i++) {
		if (frame[i].v == i * PAGE_SIZE) {
			hpa_t *other = &frame[i ? 0 : n - 1], t = *other;
			*other = frame[i];
			frame[i] = t;
		}
	}
	for (u64 i = 0; i < n && !err; i++) {
		frame_set_vm(frame[i].v, vm->id, i);
		err = pt_map(
			&vm->npt, i * PAGE_SIZE, frame[i].v, PAGE_SIZE, PT_R | PT_W | PT_X, &none);
	}
	if (err)
		while (got)
			frame_free(frame[--got].v, 0, FRAME_VM);
	kfree(frame);
	return err;
}

int
vm_create(const char *name, u64 mem, unsigned ncpus, struct vm **out)
{
	struct vm *vm = kmalloc(sizeof(*vm));
	int err;

	if (!vm)
		return -ENOMEM;
	strlcpy(vm->name, name, sizeof(vm->name));
	vm->id = next_id++;
	if (!vm->id)
		vm->id = next_id++;
	vm->mem = mem;
	vm->ncpus = ncpus;
	vm->next_bar = VM_MMIO_START;
	spin_init(&vm->lock, "vm");
	list_init(&vm->devices);
	err = (vm->log = kmalloc(VM_LOG_SIZE + 1)) ? 0 : -ENOMEM;
	if (!err)
		err = pt_init(&vm->npt, &pt_fmt_npt, 4, false);
	if (!err && (err = populate(vm)))
		pt_destroy(&vm->npt);
	if (err) {
		kfree(vm->log);
		kfree(vm);
		return err;
	}
	for (unsigned i = 0; i < ncpus && !err; i++)
		err = vcpu_create(vm, i, &vm->vcpu[i]);
	if (err)
		vm_destroy(vm);
	else
		*out = vm;
	return err;
}

void
vm_destroy(struct vm *vm)
{
	ASSERT(vm->state != VM_RUNNING && list_empty(&vm->devices));
	for (unsigned i = 0; i < vm->ncpus; i++)
		vcpu_destroy(vm->vcpu[i]);
	for (u64 at = 0; at < vm->mem; at += PAGE_SIZE) {
		hpa_t hpa;
		if (vm_hpa(vm, (gpa_t){at}, &hpa))
			frame_free(hpa.v, 0, FRAME_VM); /* panics if a pin was forgotten */
	}
	pt_destroy(&vm->npt);
	if (vm->hole)
		page_free(vm->hole, FRAME_KERNEL);
	kfree(vm->log);
	kfree(vm);
}

int
vm_start(struct vm *vm)
{
	unsigned started = 0;

	vm->state = VM_RUNNING;
	vm->running = vm->ncpus;
	while (started < vm->ncpus && vcpu_start(vm->vcpu[started]) == 0)
		started++;
	if (started == vm->ncpus)
		return 0;
	vm_end(vm, -1, "too little memory for its CPUs");
	vm_left(vm, vm->ncpus - started);
	return -ENOMEM;
}

void
vm_left(struct vm *vm, unsigned n)
{
	spin_lock(&vm->lock);
	vm->running -= n;
	if (!vm->running) {
		vuart_flush(vm);
		vm->state = VM_ENDED;
	}
	spin_unlock(&vm->lock);
	wakeup(vm); /* only its address: it may be freed by now */
}

void
vm_end(struct vm *vm, int status, const char *fmt, ...)
{
	struct text t = {vm->why, sizeof(vm->why), 0, 0};
	va_list ap;
	bool first;

	spin_lock(&vm->lock);
	if ((first = !vm->stop)) {
		va_start(ap, fmt);
		text_vprintf(&t, fmt, ap);
		va_end(ap);
		vm->status = status;
		vm->stop = true;
		list_for_each (it, &vm->devices) {
			const struct assigned *d = list_entry(it, struct assigned, link);

			if (status >= 0 && d->pinned > d->nunsynced)
				pr_info("vm %s: its driver of %s has left %u pages mapped",
					vm->name, d->pci->dev.name, d->pinned - d->nunsynced);
		}
	}
	spin_unlock(&vm->lock);
	for (unsigned i = 0; i < vm->ncpus; i++)
		vcpu_kick(vm->vcpu[i]);
	if (first && status < 0)
		pr_warn("vm %s: %s", vm->name, vm->why);
}
