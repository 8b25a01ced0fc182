/* A guest's trace: it offers its rings by hypercall, and the host reads them beside its own. */
#include "kernel/trace.h"
#include "kernel/x86.h"
#include "vmm/vm.h"

bool
vm_trace_at(struct vm *vm, gpa_t gpa, u64 n, u64 records)
{
	struct trace_ring last;

	if (!n || n > vm->ncpus || records != TRACE_RECORDS || gpa.v % sizeof(last) ||
		!vm_read(vm, (gpa_t){gpa.v + (n - 1) * sizeof(last)}, &last, sizeof(last)))
		return false;
	vm->trace = gpa;
	vm->ntraces = n;
	return true;
}

/* The CPU's ring as it is now. vm->lock held. */
static bool
ring(struct vm *vm, unsigned cpu, struct trace_ring *r)
{
	return vm_read(vm, (gpa_t){vm->trace.v + cpu * sizeof(*r)}, r, sizeof(*r));
}

/* Nothing that the guest writes is believed: a ring elsewhere, or a wrong head, is its own loss. */
bool
vm_trace_read(struct vm *vm, unsigned cpu, struct text *t)
{
	struct trace_record *chunk = (struct trace_record *)(t->buf + t->len), *rec = chunk + 1;
	u64 room = (t->size - t->len) / sizeof(*rec), *tail = &vm->trace_tail[cpu], lost, late;
	struct trace_ring r;
	u32 n = 0;
	bool ok;

	spin_lock(&vm->lock);
	ok = room > 1 && ring(vm, cpu, &r) && r.head != *tail;
	lost = ok ? trace_skip(tail, r.head) : 0;
	for (; ok && n < MIN(room - 1, 256) && *tail + n < r.head; n++) {
		gpa_t at = {r.records + (*tail + n) % TRACE_RECORDS * sizeof(*rec)};
		ok = vm_read(vm, at, &rec[n], sizeof(*rec));
	}
	ok = ok && ring(vm, cpu, &r);
	spin_unlock(&vm->lock);
	if (!ok)
		return false;
	/* What has been written over meanwhile is not what it was. */
	*tail += n;
	late = *tail - n;
	late = MIN(trace_skip(&late, r.head), n);
	memmove(rec, rec + late, (n - late) * sizeof(*rec));
	n -= late;
	for (u32 i = 0; i < n; i++)
		rec[i].tsc -= vm->tsc_offset;
	if (!n)
		return false;
	*chunk = (struct trace_record){.event = TRACE_CHUNK,
		.id = vm->id,
		.cpu = cpu,
		.n = n,
		.a = rdtsc(),
		.b = lost + late};
	t->len += (1 + n) * sizeof(*rec);
	return true;
}
