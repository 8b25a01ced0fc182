/* A VM: its birth and its end. */
#include "vmm/vm.h"
#include "kernel/kalloc.h"
#include "kernel/proc.h"
#include "kernel/x86.h"
#include "vmm/assign.h"

/* Of the VMs that there are: an id says whose a frame is, so no two may share one. control held. */
static bool id_used[1024];
static u16 last_id;

int
vm_create(const char *name, u64 mem, unsigned ncpus, struct vm **out)
{
	struct vm *vm = kmalloc(sizeof(*vm));
	int err;

	if (!vm)
		return -ENOMEM;
	strlcpy(vm->name, name, sizeof(vm->name));
	if (!(vm->id = last_id = take_id(id_used, NELEM(id_used), last_id))) {
		kfree(vm);
		return -ENOSPC;
	}
	vm->mem = mem;
	vm->ncpus = ncpus;
	vm->tsc_offset = -rdtsc(); /* the guest's begins at 0, as after a reset */
	spin_init(&vm->lock, "vm");
	list_init(&vm->devices);
	err = (vm->log = kmalloc(VM_LOG_SIZE + 1)) ? pt_init(&vm->npt, &pt_fmt_npt, 4, false)
						   : -ENOMEM;
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
	if (vm->npt.root)
		vm_free_memory(vm);
	if (vm->hole)
		page_free(vm->hole, FRAME_KERNEL);
	id_used[vm->id] = false;
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

bool
vm_interrupt(struct vm *vm, unsigned gsi)
{
	if (vm->gsi[gsi].vector)
		vlapic_post(vm->gsi[gsi].vcpu, vm->gsi[gsi].vector);
	return vm->gsi[gsi].vector;
}

void
vm_left(struct vm *vm, unsigned n)
{
	bool last;

	spin_lock(&vm->lock);
	last = !(vm->running -= n);
	spin_unlock(&vm->lock);
	if (last) {
		vuart_flush(vm);
		spin_lock(&vm->lock);
		vm->state = VM_ENDED;
		spin_unlock(&vm->lock);
	}
	wakeup(vm); /* only its address: it may be freed by now */
}

int
vm_end(struct vm *vm, int status, const char *fmt, ...)
{
	char line[200] = "";
	struct text t = TEXT_ON(vm->why), left = TEXT_ON(line);
	bool first;

	spin_lock(&vm->lock);
	if ((first = !vm->stop)) {
		text_args(&t, fmt);
		vm->status = status;
		vm->stop = true;
		list_for_each (it, &vm->devices) {
			const struct assigned *d = list_entry(it, struct assigned, link);

			if (status >= 0 && d->pinned > d->nunsynced)
				text_printf(&left, "%sits driver of %s has left %u pages mapped",
					left.len ? "; " : "", d->pci->dev.name,
					d->pinned - d->nunsynced);
		}
	}
	spin_unlock(&vm->lock);
	for (unsigned i = 0; i < vm->ncpus; i++)
		vcpu_kick(vm->vcpu[i]);
	if (left.len)
		pr_info("vm %s: %s", vm->name, line);
	if (first && status < 0)
		pr_warn("vm %s: %s", vm->name, vm->why);
	return -1;
}
