/* The hypercalls, by the list of hal/hypercall.h. What a guest passes is checked here or below. */
#include "hal/irq.h"
#include "vmm/assign.h"

/* The caller's device, or NULL. vm->lock held. */
static struct assigned *
device(struct vcpu *v, u64 rid)
{
	return rid <= 0xffff ? assigned_at(v->vm, rid) : NULL;
}

static s64
hc_version(struct vcpu *v, const u64 *a)
{
	return HC_VERSION;
}

/* From here on the guest may map. It stays attached through a denial. */
static s64
hc_attach(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	if (!d)
		return -HC_ENODEV;
	if (d->guest_attached)
		return -HC_EEXIST;
	d->guest_attached = true;
	return d->dom->fixed;
}

static s64
hc_detach(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	if (!d)
		return -HC_ENODEV;
	if (!d->guest_attached)
		return -HC_ENOENT;
	grant_revoke(d);
	d->guest_attached = false;
	return 0;
}

static s64
hc_map(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	if (!d)
		return -HC_ENODEV;
	return grant_map(d, (iova_t){a[1]}, (gpa_t){a[2]}, a[3], a[4]);
}

static s64
hc_place(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	return d ? grant_place(d, (gpa_t){a[1]}, a[2], a[3]) : -HC_ENODEV;
}

static s64
hc_unmap(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	if (!d)
		return -HC_ENODEV;
	if (a[3] & ~(u64)HC_SYNC)
		return -HC_EINVAL;
	return grant_unmap(d, (iova_t){a[1]}, a[2], a[3] & HC_SYNC);
}

static s64
hc_sync(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	if (!d)
		return -HC_ENODEV;
	grant_sync(d);
	return 0;
}

/* The array is copied before it is looked at: another CPU of the guest may change it meanwhile. */
static s64
hc_batch(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);
	struct hc_request r[HC_MAX_BATCH];
	unsigned n = 0;
	bool whole = true;
	gpa_t at = {a[1]};

	if (!d)
		return -HC_ENODEV;
	if (!a[2] || a[2] > HC_MAX_BATCH || at.v % sizeof(r[0]) ||
		(at.v & PAGE_MASK) + a[2] * sizeof(r[0]) > PAGE_SIZE)
		return -HC_EINVAL;
	if (!vm_read(v->vm, at, r, a[2] * sizeof(r[0])))
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
	vm_write(v->vm, at, r, n * sizeof(r[0]));
	return n;
}

static s64
hc_fault(struct vcpu *v, const u64 *a)
{
	struct vm *vm = v->vm;
	struct hc_fault f;
	bool any;

	any = vm->fault_read != vm->fault_written;
	if (!any)
		return 0;
	f = vm->faults[vm->fault_read % NELEM(vm->faults)];
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
hc_bind(struct vcpu *v, const u64 *a)
{
	u64 vector = a[2] & ~(u64)HC_NO_EOI;
	struct assigned *d = device(v, a[0]);
	struct assigned_message *m;
	int err;

	if (!d)
		return -HC_ENODEV;
	if (vector < 32 || vector > 255 || a[3] >= v->vm->ncpus)
		return -HC_EINVAL;
	if (a[1] == HC_FAULT_INDEX) {
		d->fault_vector = vector;
		d->fault_vcpu = v->vm->vcpu[a[3]];
		return 0;
	}
	if (a[1] >= ASSIGNED_MESSAGES || a[1] >= d->pci->dev.msi_count)
		return -HC_EINVAL;
	m = &d->message[a[1]];
	if (m->bound)
		return -HC_EEXIST;
	m->vcpu = v->vm->vcpu[a[3]];
	m->vector = vector;
	vlapic_no_eoi(m->vcpu, vector, a[2] & HC_NO_EOI);
	if ((err = irq_msi(&d->pci->dev, a[1], 0, message_interrupt, m, d->vm->name)))
		return -HC_ENOMEM;
	m->bound = true;
	return 0;
}

static s64
hc_unbind(struct vcpu *v, const u64 *a)
{
	struct assigned *d = device(v, a[0]);

	if (!d)
		return -HC_ENODEV;
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
	s64 (*fn)(struct vcpu *, const u64 *); /* vm->lock held, if there is an argument */
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
	s64 ret;

	if (number >= NELEM(table))
		return -HC_ENOSYS;
	for (unsigned i = table[number].argc; i < 5; i++)
		if (arg[i])
			return -HC_EINVAL; /* reserved for what a later version may put there */
	__atomic_add_fetch(&v->vm->hypercalls[number], 1, __ATOMIC_RELAXED);
	if (!table[number].argc) /* what is about nothing changes nothing */
		return table[number].fn(v, arg);
	spin_lock(&v->vm->lock);
	ret = table[number].fn(v, arg);
	spin_unlock(&v->vm->lock);
	return ret;
}
