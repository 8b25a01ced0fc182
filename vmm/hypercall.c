/* The hypercalls, by the list of hal/hypercall.h. What a guest passes is checked here or below. */
#include "hal/irq.h"
#include "hal/timer.h"
#include "vmm/assign.h"

/*
 * Who asks, found out once for all calls: the vCPU (in its kernel, or exit.c would not have come
 * here), its VM, and the device that the first argument names: one of this VM's, or the call has
 * failed already. NULL in calls about none.
 */
struct caller {
	struct vcpu *vcpu;
	struct vm *vm;
	struct assigned *dev;
};

#define A_SECOND 1000000000UL

/*
 * Takes a call from the device's bucket, which holds those of a second and is filled all the time:
 * it is full when `paid` is past. False if it is empty.
 */
static bool
pay(struct assigned *d)
{
	u64 now = timer_ns();

	d->paid = MAX(d->paid, now);
	if (d->paid + A_SECOND / d->rate > now + A_SECOND)
		return false;
	d->paid += A_SECOND / d->rate;
	return true;
}

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
	/* LAB 10: step 4: the arguments of HC_map are in a[]; their types are not all u64. */
	return grant_map(by->dev, (iova_t){a[1]}, (gpa_t){a[2]}, a[3], a[4]);
	/* LAB 10 ELSE
	return -HC_ENOSYS;
	LAB 10 END */
}

static s64
hc_place(const struct caller *by, const u64 *a)
{
	return grant_place(by->dev, (gpa_t){a[1]}, a[2], a[3]);
}

static s64
hc_unmap(const struct caller *by, const u64 *a)
{
	/* LAB 10: step 4: a flag that nobody has defined is a bad argument. */
	if (a[3] & ~(u64)HC_SYNC)
		return -HC_EINVAL;
	return grant_unmap(by->dev, (iova_t){a[1]}, a[2], a[3] & HC_SYNC);
	/* LAB 10 ELSE
	return -HC_ENOSYS;
	LAB 10 END */
}

static s64
hc_sync(const struct caller *by, const u64 *a)
{
	/* LAB 10: step 4. */
	grant_sync(by->dev);
	return 0;
	/* LAB 10 ELSE
	return -HC_ENOSYS;
	LAB 10 END */
}

static s64
hc_batch(const struct caller *by, const u64 *a)
{
	/* LAB 10: step 7: check, copy; do the requests; sync; write back what became of them. */
	/* Copied before it is looked at: another CPU of the guest may change it meanwhile. */
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
	/* LAB 10 ELSE
	return -HC_ENOSYS;
	LAB 10 END */
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

/* Where the guest's trace is: nothing is done with that but to show it, to who reads its memory. */
static s64
hc_trace(const struct caller *by, const u64 *a)
{
	if (!a[1] || a[1] > by->vm->ncpus)
		return -HC_EINVAL;
	by->vm->trace.v = a[0];
	by->vm->ntraces = a[1];
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

static s64
hc_gsi(const struct caller *by, const u64 *a)
{
	if (a[0] != HC_GSI_UART && a[0] != HC_GSI_ACPI)
		return -HC_ENODEV;
	if ((a[1] && a[1] < 32) || a[1] > 255 || a[2] >= by->vm->ncpus)
		return -HC_EINVAL;
	by->vm->gsi[a[0]].vector = a[1];
	by->vm->gsi[a[0]].vcpu = by->vm->vcpu[a[2]];
	return 0;
}

static s64
hc_disk(const struct caller *by, const u64 *a)
{
	return vdisk_call(by->vm, a);
}

static const struct {
	const char *name;
	unsigned argc;
	s64 (*fn)(const struct caller *, const u64 *); /* vm->lock held, unless UNLOCKED */
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

/* Calls about no device; and what only gives back, which no rate may keep a guest from. */
#define NO_DEVICE  (BIT(HC_version) | BIT(HC_fault) | BIT(HC_gsi) | BIT(HC_disk) | BIT(HC_trace))
#define GIVES_BACK (BIT(HC_detach) | BIT(HC_unmap) | BIT(HC_sync) | BIT(HC_unbind))
/* What is about nothing changes nothing; and a disk takes its time. */
#define UNLOCKED (BIT(HC_version) | BIT(HC_disk))

/* A call under vm->lock: finds the device that it is about, and takes it from that one's rate. */
static NOINLINE s64
locked(struct caller *by, u64 number, const u64 *arg)
{
	s64 ret = 0;

	spin_lock(&by->vm->lock);
	if (!(BIT(number) & NO_DEVICE)) {
		by->dev = arg[0] <= 0xffff ? assigned_at(by->vm, arg[0]) : NULL;
		if (!by->dev)
			ret = -HC_ENODEV;
		else if (by->dev->rate && !pay(by->dev) && !(BIT(number) & GIVES_BACK))
			ret = -HC_EDQUOT;
	}
	if (!ret)
		ret = table[number].fn(by, arg);
	spin_unlock(&by->vm->lock);
	return ret;
}

s64
hypercall(struct vcpu *v, u64 number, const u64 arg[5])
{
	struct caller by = {v, v->vm, NULL};

	if (number >= NELEM(table))
		return -HC_ENOSYS;
	for (unsigned i = table[number].argc; i < 5; i++)
		if (arg[i])
			return -HC_EINVAL; /* reserved for what a later version may put there */
	__atomic_add_fetch(&v->vm->hypercalls[number], 1, __ATOMIC_RELAXED);
	return BIT(number) & UNLOCKED ? table[number].fn(&by, arg) : locked(&by, number, arg);
}
