/* The hypercalls, by the list of hal/hypercall.h. What a guest passes is checked here or below. */
#include "hal/irq.h"
#include "vmm/assign.h"

/*
 * Who asks, found out once for all calls: the vCPU (in its kernel, or exit.c would not have come
 * here), its VM, and the device that the first argument names: one of this VM's, or the call has
 * failed already. NULL in calls about none: version, fault.
 */
struct caller {
	struct vcpu *vcpu;
	struct vm *vm;
	struct assigned *dev;
};

static s64
hc_version(const struct caller *by, const u64 *a)
{
	return HC_VERSION;
}

/* From here on the guest may map. It stays attached through a denial. */
static s64
hc_attach(const struct caller *by, const u64 *a)
{
	if (by->dev->guest_attached)
		return -HC_EEXIST;
	by->dev->guest_attached = true;
	return by->dev->dom->fixed;
}

static s64
hc_detach(const struct caller *by, const u64 *a)
{
	iova_t at = {0};

	if (!by->dev->guest_attached)
		return -HC_ENOENT;
	if (grant_revoke(by->dev, &at))
		return HYPERCALL_AGAIN;
	by->dev->guest_attached = false;
	return 0;
}

static s64
hc_map(const struct caller *by, const u64 *a)
{
	return grant_map(by->dev, (iova_t){a[1]}, (gpa_t){a[2]}, a[3], a[4]);
}

static s64
hc_place(const struct caller *by, const u64 *a)
{
	return grant_place(by->dev, (gpa_t){a[1]}, a[2], a[3]);
}

static s64
hc_unmap(const struct caller *by, const u64 *a)
{
	if (a[3] & ~(u64)HC_SYNC)
		return -HC_EINVAL;
	return grant_unmap(by->dev, (iova_t){a[1]}, a[2], a[3] & HC_SYNC);
}

static s64
hc_sync(const struct caller *by, const u64 *a)
{
	grant_sync(by->dev);
	return 0;
}

/* The array is copied before it is looked at: another CPU of the guest may change it meanwhile. */
static s64
hc_batch(const struct caller *by, const u64 *a)
{
	struct assigned *d = by->dev;
	struct hc_request r[HC_MAX_BATCH];
	unsigned n = 0;
	bool whole = true;
	gpa_t at = {a[1]};

	if (!a[2] || a[2] > HC_MAX_BATCH || at.v % sizeof(r[0]) ||
		(at.v & PAGE_MASK) + a[2] * sizeof(r[0]) > PAGE_SIZE)
		return -HC_EINVAL;
	if (!vm_read(by->vm, at, r, a[2] * sizeof(r[0])))
		return -HC_EACCES;
	for (; n < a[2] && whole; n++) {
		iova_t iova = {r[n].iova};

		if (r[n].perm)
			r[n].result = grant_map(d, iova, (gpa_t){r[n].gpa}, r[n].pages, r[n].perm);
		else
			r[n].result = r[n].gpa ? -HC_EINVAL
					       : grant_unmap(d, iova, r[n].pages, false);
		whole = r[n].result < 0 || r[n].result == r[n].pages;
	}
	grant_sync(d);
	vm_write(by->vm, at, r, n * sizeof(r[0]));
	return n;
}

static s64
hc_fault(const struct caller *by, const u64 *a)
{
	struct vm *vm = by->vm;
	struct hc_fault f = vm->faults[vm->fault_read % NELEM(vm->faults)];

	if (vm->fault_read == vm->fault_written)
		return 0;
	if (!vm_write(vm, (gpa_t){a[0]}, &f, sizeof(f)))
		return -HC_EACCES;
	vm->fault_read++;
	return 1;
}

/* The device's message has come in: it becomes the vector that the guest chose. */
static void
message_interrupt(void *arg)
{
	struct assigned_message *m = arg;

	vlapic_post(m->vcpu, m->vector);
}

/* The real message goes to a vector of the host's; the guest never sees the MSI-X table. */
static s64
hc_bind(const struct caller *by, const u64 *a)
{
	u64 vector = a[2] & ~(u64)HC_NO_EOI;
	struct assigned *d = by->dev;
	struct assigned_message *m;

	if (vector < 32 || vector > 255 || a[3] >= by->vm->ncpus)
		return -HC_EINVAL;
	if (a[1] == HC_FAULT_INDEX) {
		d->fault_vector = vector;
		d->fault_vcpu = by->vm->vcpu[a[3]];
		return 0;
	}
	if (a[1] >= ASSIGNED_MESSAGES || a[1] >= d->pci->dev.msi_count)
		return -HC_EINVAL;
	m = &d->message[a[1]];
	if (m->bound)
		return -HC_EEXIST;
	m->vcpu = by->vm->vcpu[a[3]];
	m->vector = vector;
	vlapic_no_eoi(m->vcpu, vector, a[2] & HC_NO_EOI);
	if (irq_msi(&d->pci->dev, a[1], 0, message_interrupt, m, d->vm->name))
		return -HC_ENOMEM;
	m->bound = true;
	return 0;
}

static s64
hc_unbind(const struct caller *by, const u64 *a)
{
	struct assigned *d = by->dev;

	if (a[1] == HC_FAULT_INDEX) {
		d->fault_vector = 0;
		return 0;
	}
	if (a[1] >= ASSIGNED_MESSAGES || !d->message[a[1]].bound)
		return -HC_ENOENT;
	irq_msi_free(&d->pci->dev, a[1]);
	d->message[a[1]].bound = false;
	return 0;
}

static const struct {
	const char *name;
	unsigned argc;
	s64 (*fn)(const struct caller *, const u64 *); /* vm->lock held, if there is an argument */
} table[] = {
#define HYPERCALL(number, name, argc) [number] = {#name, argc, hc_##name},
	HYPERCALL_LIST(HYPERCALL)
#undef HYPERCALL
};

const char *
hypercall_name(unsigned number)
{
	return table[number].name;
}

s64
hypercall(struct vcpu *v, u64 number, const u64 arg[5])
{
	struct caller by = {v, v->vm, NULL};
	bool device = number != HC_version && number != HC_fault;
	s64 ret = -HC_ENODEV;

	if (number >= NELEM(table))
		return -HC_ENOSYS;
	for (unsigned i = table[number].argc; i < 5; i++)
		if (arg[i])
			return -HC_EINVAL; /* reserved for what a later version may put there */
	__atomic_add_fetch(&v->vm->hypercalls[number], 1, __ATOMIC_RELAXED);
	if (!table[number].argc) /* what is about nothing changes nothing */
		return table[number].fn(&by, arg);
	spin_lock(&v->vm->lock);
	by.dev = device && arg[0] <= 0xffff ? assigned_at(v->vm, arg[0]) : NULL;
	if (by.dev || !device)
		ret = table[number].fn(&by, arg);
	spin_unlock(&v->vm->lock);
	return ret;
}
