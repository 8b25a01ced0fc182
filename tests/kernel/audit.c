/*
 * The audit of the test build, while VMs run: each IOMMU entry of a VM's devices leads to a frame
 * that is this VM's, at the page that it says, and pinned; and no frame of the VM has a pin that is
 * not one of an entry, or of one that waits for its sync. A look at the entries is cheap as long as
 * they are few: it comes at every exit then, and at every unmap. A look at all of them, and at all
 * of the VM's frames, comes at every audit=N-th exit (64), but for a fifth of the time at most,
 * when a device is denied or goes, and when the VM ends.
 */
#include "kernel/bootinfo.h"
#include "kernel/devfs.h"
#include "kernel/kalloc.h"
#include "kernel/x86.h"
#include "vmm/assign.h"

/* Of what devices reach, so much is looked at: at each exit; at each unmap. */
#define EXIT_LIMIT  64
#define UNMAP_LIMIT 384

static struct spinlock lock = SPINLOCK_INIT("audit"); /* over all of this */
static u64 every = 64, exits, wholes;
static u64 rest; /* ticks of the TSC: no exit looks at all frames before */
static u32 want[VM_MAX_MIB << (20 - PAGE_SHIFT)]; /* pins by the guest's page; zero when at rest */
static struct assigned
	*leaving; /* control held, so there is one at most; what it reaches: its vm->lock */

/* A frame that a device reaches, or has not forgotten yet: its page in the guest. */
static u32
page_of(struct assigned *d, paddr_t pa, const char *what)
{
	hpa_t hpa = {0};
	u32 page = 0;
	u16 vm = frame_vm(pa, &page);

	if (vm != d->vm->id)
		panic("audit: %s of %s is frame %lx, which is vm %u's, not vm %u's", what,
			d->pci->dev.name, pa, vm, d->vm->id);
	if (!pt_lookup(&d->vm->npt, (u64)page * PAGE_SIZE, &hpa.v, NULL) || hpa.v != pa)
		panic("audit: %s of %s is frame %lx, and the guest's page %x is %lx", what,
			d->pci->dev.name, pa, page, hpa.v);
	return page;
}

static void
check_pins(struct vm *vm, paddr_t pa, u32 page)
{
	if (frame_pins(pa) != want[page])
		panic("audit: frame %lx of vm %s has %u pins, and devices reach it %u times", pa,
			vm->name, frame_pins(pa), want[page]);
}

/* What a pass over a device's entries does with each page. */
enum pass { COUNT, CHECK, FORGET };

static void
visit(struct assigned *d, paddr_t pa, const char *what, enum pass pass)
{
	u32 page = page_of(d, pa, what);

	if (pass == COUNT)
		want[page]++;
	else if (pass == CHECK)
		check_pins(d->vm, pa, page);
	else
		want[page] = 0;
}

static void
over_device(struct assigned *d, enum pass pass)
{
	u64 at = 0, pa[64];
	unsigned pages = d->nunsynced;

	for (unsigned n; pt_next(&d->dom->pt, &at); at += n * PAGE_SIZE) {
		pages += n = pt_lookup_pages(&d->dom->pt, at, pa, NELEM(pa));
		for (unsigned i = 0; i < n; i++)
			visit(d, pa[i] & ~PAGE_MASK, "an entry", pass);
	}
	for (unsigned i = 0; i < d->nunsynced; i++)
		visit(d, d->unsynced[i].v, "an unsynced page", pass);
	if (pages != d->pinned)
		panic("audit: %s reaches %u pages, and %u pins are on its account",
			d->pci->dev.name, pages, d->pinned);
}

/* All devices; also the one that goes, which is out of the list but not yet out of memory. */
static void
over_devices(struct vm *vm, enum pass pass)
{
	bool listed = false;

	list_for_each (it, &vm->devices) {
		struct assigned *d = list_entry(it, struct assigned, link);

		over_device(d, pass);
		listed |= d == leaving;
	}
	if (leaving && leaving->vm == vm && !listed)
		over_device(leaving, pass);
}

static void
over_frames(struct vm *vm)
{
	u64 at = 0, pa[64];

	for (unsigned n; pt_next(&vm->npt, &at) && at < vm->mem; at += n * PAGE_SIZE) {
		n = pt_lookup_pages(&vm->npt, at, pa, NELEM(pa));
		for (unsigned i = 0; i < n && at + i * PAGE_SIZE < vm->mem; i++)
			check_pins(vm, pa[i] & ~PAGE_MASK, at / PAGE_SIZE + i);
	}
}

/* What a look at the VM's entries costs: pages, and tables, whose 512 entries are looked at. */
static u64
cost(struct vm *vm)
{
	u64 sum = 0;

	list_for_each (it, &vm->devices) {
		struct assigned *d = list_entry(it, struct assigned, link);

		sum += d->pinned + 8 * d->dom->pt.tables;
	}
	return sum;
}

/* Looks at the entries and their frames, or at all the VM's frames as well. vm->lock held. */
static void
audit(struct vm *vm, bool whole)
{
	spin_lock(&lock);
	over_devices(vm, COUNT);
	if (whole)
		over_frames(vm);
	else
		over_devices(vm, CHECK);
	over_devices(vm, FORGET);
	wholes += whole;
	spin_unlock(&lock);
}

/*
 * The linker puts these in front of the functions that they call (--wrap in the Makefile), so that
 * the VMM itself knows of no audit.
 */
#define WRAPS(function) typeof(function) __real_##function, __wrap_##function
WRAPS(exit_handle);
WRAPS(grant_unmap);
WRAPS(grant_revoke);
WRAPS(release_device);
WRAPS(vm_left);

int
__wrap_exit_handle(struct vcpu *v, const struct exit *e)
{
	int again = __real_exit_handle(v, e);
	u64 start = rdtsc();
	bool whole = __atomic_add_fetch(&exits, 1, __ATOMIC_RELAXED) % every == 0 &&
		     start >= READ_ONCE(rest);

	spin_lock(&v->vm->lock);
	if (whole || cost(v->vm) <= EXIT_LIMIT)
		audit(v->vm, whole);
	/* The guest's clock ticks meanwhile: it needs more time between two looks than for one. */
	if (whole)
		WRITE_ONCE(rest, rdtsc() + 4 * (rdtsc() - start));
	spin_unlock(&v->vm->lock);
	return again;
}

s64
__wrap_grant_unmap(struct assigned *d, iova_t iova, u64 npages, bool sync)
{
	s64 done = __real_grant_unmap(d, iova, npages, sync);

	if (cost(d->vm) <= UNMAP_LIMIT)
		audit(d->vm, false);
	return done;
}

bool
__wrap_grant_revoke(struct assigned *d, iova_t *at)
{
	bool more = __real_grant_revoke(d, at);

	audit(d->vm, !more);
	if (leaving == d && !more)
		leaving = NULL;
	return more;
}

void
__wrap_release_device(struct assigned *d)
{
	spin_lock(&d->vm->lock);
	leaving = d;
	spin_unlock(&d->vm->lock);
	__real_release_device(d);
}

void
__wrap_vm_left(struct vm *vm, unsigned n)
{
	spin_lock(&vm->lock);
	audit(vm, true);
	spin_unlock(&vm->lock);
	__real_vm_left(vm, n);
}

static void
audit_init(void)
{
	char n[16];
	const char *p = n;

	if (boot_option("audit", n, sizeof(n)) && (!parse_u64(&p, &every) || !every))
		panic("audit=%s: a number of exits, at least 1", n);
}
INITCALL(INIT_VMM, audit_init);

/* /proc/audit: that there has been one. */
static void
show_audit(struct text *t)
{
	text_printf(t, "audit: %lu exits, %lu of all frames\n", exits, wholes);
}
PROC_FILE("audit", show_audit);
