/*
 * /dev/vmm: how vmctl talks to the VMM. A write is one request, words separated by newlines; what
 * is read afterwards is the reply: text if the write succeeded, else a line that says why not, or
 * nothing if the error says all.
 */
#include "hal/timer.h"
#include "kernel/devfs.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"
#include "vmm/assign.h"

#define MAX_REQUEST  2048
#define MAX_REPLY    (65536 - sizeof(struct session))
#define MAX_WORDS    10
#define STOP_SECONDS 10

struct session {
	struct text reply;
	bool busy;          /* a command is under way; control held to change */
	struct vm *console; /* this file is its console; constant once set */
	u64 at;             /* of what it has logged, what was read; vm->lock held */
	bool detached;      /* vm->lock held */
	char request[MAX_REQUEST];
	char *word[MAX_WORDS];
	unsigned n;
	struct vm *vm;        /* the command's, if it is about one */
	struct assigned *dev; /* the same */
	rid_t rid;            /* the same: requester id, a number */
};

static struct mutex control;
static struct list vms = LIST_INIT(vms); /* control held */

/* Ends a command: the reason goes into the reply. */
static int fail(struct session *s, int err, const char *fmt, ...) PRINTF(3, 4);
static int
fail(struct session *s, int err, const char *fmt, ...)
{
	s->reply.len = 0;
	text_args(&s->reply, fmt);
	return err;
}

static struct vm *
find_vm(const char *name)
{
	return list_find(struct vm, link, &vms, vm, strcmp(vm->name, name) == 0);
}

/* The value of word "key=value", or NULL. */
static const char *
option(struct session *s, const char *key)
{
	size_t n = strlen(key);

	for (unsigned i = 2; i < s->n; i++)
		if (strncmp(s->word[i], key, n) == 0 && s->word[i][n] == '=')
			return s->word[i] + n + 1;
	return NULL;
}

/* False if there is such an option, and it is not a number in [min, max]. */
static bool
number_option(struct session *s, const char *key, u64 min, u64 max, u64 *v)
{
	const char *p = option(s, key);

	return !p || (parse_whole(p, v) && *v >= min && *v <= max);
}

/* Copies an option that must be there; false if there is no room. */
static bool
text_option(struct session *s, const char *key, char *to, size_t size)
{
	const char *p = option(s, key);

	return p && strlcpy(to, p, size) < size;
}

static int
cmd_create(struct session *s)
{
	u64 mib = 0, cpus = 0;
	const char *name = s->word[1], *disk = option(s, "disk"), *wrong;
	struct vm *vm;
	int err;

	if (!virt())
		return fail(s, -ENODEV, "%s", virt_why_not());
	if (!*name || strlen(name) >= sizeof(vm->name))
		return fail(s, -EINVAL, "a name has 1 to %zu characters", sizeof(vm->name) - 1);
	if (find_vm(name))
		return fail(s, -EEXIST, "%s: exists already", name);
	if (!number_option(s, "mem", VM_MIN_MIB, VM_MAX_MIB, &mib) || !mib)
		return fail(s, -EINVAL, "memory: %d to %d MiB", VM_MIN_MIB, VM_MAX_MIB);
	if (!number_option(s, "cpus", 1, VM_MAX_CPUS, &cpus) || !cpus)
		return fail(s, -EINVAL, "a VM has 1 to %d CPUs", VM_MAX_CPUS);
	if ((err = vm_create(name, mib << 20, cpus, &vm)))
		return err;
	wrong = text_option(s, "kernel", vm->kernel, sizeof(vm->kernel)) &&
				text_option(s, "root", vm->root, sizeof(vm->root)) &&
				text_option(s, "append", vm->cmdline, sizeof(vm->cmdline))
			? vm_load(vm)
			: "a path or the command line is too long";
	if (!wrong && disk)
		wrong = vdisk_open(vm, disk);
	if (wrong) {
		vm_destroy(vm);
		return fail(s, -EINVAL, "%s", wrong);
	}
	list_add_tail(&vms, &vm->link);
	return 0;
}

static int
cmd_assign(struct session *s)
{
	const char *policy = option(s, "policy"), *why;
	u64 quota = 0, rate = 0;
	int err;

	if (policy && strcmp(policy, "permit") != 0 && strcmp(policy, "deny") != 0)
		return fail(s, -EINVAL, "%s: the policy is permit or deny", policy);
	if (!number_option(s, "quota", 0, 0xffffffff, &quota))
		return fail(s, -EINVAL, "the quota is a number of pages");
	if (!number_option(s, "rate", 0, 1000000, &rate))
		return fail(s, -EINVAL, "the rate is a number of calls a second, at most 1000000");
	err = assign_device(s->vm, s->rid, !policy || strcmp(policy, "permit") == 0,
		option(s, "unsafe"), quota, rate, &why);
	if (err == -EACCES)
		return fail(s, err, RID_FMT ": %s (with --unsafe it is assigned all the same)",
			RID_ARGS(s->rid), why);
	return !err ? 0 : fail(s, err, RID_FMT ": %s", RID_ARGS(s->rid), why ? why : strerror(err));
}

static int
cmd_release(struct session *s)
{
	release_device(s->dev);
	return 0;
}

static int
cmd_start(struct session *s)
{
	struct vm *vm = s->vm;

	if (vm->state != VM_CREATED)
		return fail(s, -EBUSY, "%s %s", vm->name,
			vm->state == VM_RUNNING ? "runs already" : "has ended: create it anew");
	return vm_start(vm);
}

/* Whether the VM's console has printed `text`. vm->lock held. */
static bool
has_printed(struct vm *vm, const char *text)
{
	size_t n = strlen(text);

	for (size_t at = 0; at + n <= vm->log_len; at++)
		if (strncmp(vm->log + at, text, n) == 0)
			return true;
	return false;
}

/*
 * Sleeps, with others going on meanwhile, until the VM has ended, its console has printed `text`
 * (unless NULL), or it is `deadline` (unless 0). True if it has printed it.
 */
static bool
wait_vm(struct vm *vm, const char *text, u64 deadline)
{
	bool printed = false, late = false;

	vm->users++;
	mutex_unlock(&control);
	spin_lock(&vm->lock);
	while (!(printed = text && has_printed(vm, text)) && vm->state == VM_RUNNING &&
		!current()->killed && !late)
		late = !proc_sleep_until(vm, &vm->lock, deadline);
	spin_unlock(&vm->lock);
	mutex_lock(&control);
	vm->users--;
	return printed;
}

/* wait NAME [TEXT]: until it has ended, or its console has printed TEXT. Others go on meanwhile. */
static int
cmd_wait(struct session *s)
{
	struct vm *vm = s->vm;
	const char *text = s->n > 2 ? s->word[2] : NULL;
	bool printed;

	if (vm->state == VM_CREATED)
		return fail(s, -EINVAL, "%s has not been started", vm->name);
	printed = wait_vm(vm, text, 0);
	if (current()->killed)
		return -EINTR;
	if (text)
		return printed ? 0
			       : fail(s, -ENOENT, "%s ended (%s) and did not print that", vm->name,
					 vm->why);
	if (vm->status < 0)
		return fail(s, -EIO, "%s ended: %s", vm->name, vm->why);
	text_printf(&s->reply, "%d\n", vm->status);
	return 0;
}

/* stop NAME: presses its power button, and waits until it has turned itself off. */
static int
cmd_stop(struct session *s)
{
	struct vm *vm = s->vm;
	bool listens;

	if (vm->state == VM_CREATED)
		return fail(s, -EINVAL, "%s has not been started", vm->name);
	spin_lock(&vm->lock);
	__atomic_or_fetch(&vm->pm1_status, VM_PWRBTN, __ATOMIC_SEQ_CST);
	listens = vm_interrupt(vm, HC_GSI_ACPI);
	spin_unlock(&vm->lock);
	if (!listens && vm->state == VM_RUNNING)
		return fail(s, -ENOSYS, "%s does not listen to that: kill it", vm->name);
	wait_vm(vm, NULL, timer_ns() + STOP_SECONDS * 1000000000UL);
	if (current()->killed)
		return -EINTR;
	return vm->state == VM_ENDED
		       ? 0
		       : fail(s, -ETIMEDOUT, "%s has not ended in %d seconds: kill it", vm->name,
				 STOP_SECONDS);
}

/* send NAME TEXT: as if TEXT and Return were typed on its console. */
static int
cmd_send(struct session *s)
{
	struct vm *vm = s->vm;
	const char *p = s->n > 2 ? s->word[2] : "";
	int err = 0;

	spin_lock(&vm->lock);
	if (strlen(p) + 1 > sizeof(vm->input) - (vm->input_written - vm->input_read)) {
		err = -ENOSPC;
	} else {
		for (; *p; p++)
			vuart_type(vm, *p);
		vuart_type(vm, '\r');
	}
	spin_unlock(&vm->lock);
	return err ? fail(s, err, "%s does not read what is typed", vm->name) : 0;
}

/* console NAME: from now on this file is the VM's console; it is read and written as one. */
static int
cmd_console(struct session *s)
{
	struct vm *vm = s->vm;
	bool busy;

	spin_lock(&vm->lock);
	if (!(busy = vm->attached)) {
		vm->attached = true;
		s->at = vm->logged - vm->line_len;
	}
	spin_unlock(&vm->lock);
	if (busy)
		return fail(s, -EBUSY, "%s: somebody is at its console", vm->name);
	vm->users++;
	s->console = vm;
	return 0;
}

/* What the VM has printed since; waits until there is something. 0: it has ended, or we leave. */
static s64
console_output(struct session *s, u64 user_buf, size_t n)
{
	struct vm *vm = s->console;
	char text[256];
	u64 first;

	spin_lock(&vm->lock);
	while (s->at == vm->logged && vm->state != VM_ENDED && !s->detached && !current()->killed)
		proc_sleep(vm, &vm->lock);
	first = vm->logged - vm->log_len; /* what is older is gone */
	s->at = MAX(s->at, first);
	n = MIN(MIN(n, sizeof(text)), vm->logged - s->at);
	memcpy(text, vm->log + (s->at - first), n);
	s->at += n;
	spin_unlock(&vm->lock);
	return copy_out(user_buf, text, n) ? -EFAULT : (s64)n;
}

/* Types n characters; what the VM has no room for is lost. None at all: leaves the console. */
static s64
console_typed(struct session *s, u64 user_buf, size_t n)
{
	struct vm *vm = s->console;
	char text[64];

	n = MIN(n, sizeof(text));
	if (copy_in(text, user_buf, n))
		return -EFAULT;
	spin_lock(&vm->lock);
	for (size_t i = 0; i < n; i++)
		vuart_type(vm, text[i]);
	s->detached |= n == 0;
	spin_unlock(&vm->lock);
	wakeup(vm);
	return n;
}

/* Stops the vCPUs and waits until all have left the guest. */
static void
kill_vm(struct vm *vm)
{
	vm_move_every(vm, 0);
	if (vm->state == VM_CREATED)
		return;
	if (vm->state == VM_RUNNING)
		vm_end(vm, -1, "killed");
	/* Even if it has ended: a thread may still hold the lock, and we are about to free it. */
	spin_lock(&vm->lock);
	while (vm->state == VM_RUNNING)
		proc_sleep(vm, &vm->lock);
	spin_unlock(&vm->lock);
}

static int
cmd_kill(struct session *s)
{
	kill_vm(s->vm);
	return 0;
}

static int
cmd_destroy(struct session *s)
{
	struct vm *vm = s->vm;

	if (vm->users)
		return fail(s, -EBUSY, "%s: somebody waits for it, or is at its console", vm->name);
	kill_vm(vm);
	list_for_each (it, &vm->devices)
		release_device(list_entry(it, struct assigned, link));
	list_remove(&vm->link);
	if (vm->disk)
		inode_put(vm->disk);
	vm_destroy(vm);
	return 0;
}

static void
status_line(struct text *t, struct vm *vm)
{
	static const char *const state[] = {"created", "running", "ended"};

	text_printf(t, "%-10s %-8s %4lu MiB %u CPU%s", vm->name, state[vm->state], vm->mem >> 20,
		vm->ncpus, vm->ncpus == 1 ? "" : "s");
	list_for_each (it, &vm->devices) {
		struct assigned *d = list_entry(it, struct assigned, link);
		text_printf(t, "  %s (%s%s%s", d->pci->dev.name,
			d->cut      ? "cut off"
			: d->permit ? "permit"
				    : "deny",
			d->unsafe ? ", unsafe" : "", d->guest_attached ? ", attached" : "");
		if (d->rate)
			text_printf(t, ", %u calls/s", d->rate);
		text_printf(t, ")");
	}
	if (vm->state == VM_ENDED)
		text_printf(t, "  %s", vm->why);
	text_printf(t, "\n");
}

/*
 * Its counters, a line each, in columns with tabs between; vmctl makes tables of them. Of exits:
 * how many, the TSC's ticks in the handlers, the longest.
 */
static int
cmd_stats(struct session *s)
{
	struct vm *vm = s->vm;
	struct text *t = &s->reply;

	for (unsigned kind = 0; kind < EXIT_KINDS; kind++) {
		struct exit_count sum = {0};

		for (unsigned i = 0; i < vm->ncpus; i++) {
			const struct exit_count *c = &vm->vcpu[i]->exits[kind];

			sum.count += c->count;
			sum.ticks += c->ticks;
			sum.longest = MAX(sum.longest, c->longest);
		}
		if (sum.count)
			text_printf(t, "exit\t%s\t%lu\t%lu\t%lu\n", exit_name(kind), sum.count,
				sum.ticks, sum.longest);
	}
	for (unsigned i = 0; i < HC_COUNT; i++)
		if (vm->hypercalls[i])
			text_printf(t, "call\t%s\t%lu\n", hypercall_name(i), vm->hypercalls[i]);
	text_printf(t, "call\tpages\t%lu\ncall\tmoved\t%lu\ncall\tfound pinned\t%lu\n", vm->touched,
		vm->moved, vm->stayed);
	list_for_each (it, &vm->devices) {
		struct assigned *d = list_entry(it, struct assigned, link);
		text_printf(t, "device\t%s\t%u\t%lu\t%lu\t%lu\t%lu\t%u\n", d->pci->dev.name,
			d->dom->id, d->dom->maps, d->dom->unmaps, d->dom->syncs, d->dom->faults,
			d->pinned);
	}
	return 0;
}

static void
print_grants(struct text *t, struct assigned *d)
{
	struct grant_page p;

	for (iova_t at = {0}; grant_next(d, at, &p); at.v = p.iova.v + PAGE_SIZE)
		text_printf(t, "page\t%s\t%lx\t%lx\t%lx\t%c%c\t%u\n", d->pci->dev.name, p.iova.v,
			p.gpa.v, p.hpa.v, p.perm & IOMMU_READ ? 'r' : '-',
			p.perm & IOMMU_WRITE ? 'w' : '-', frame_pins(p.hpa.v));
}

/* maps NAME: the live grants, as stats says its counters. maps NAME GPA: the HPA behind it. */
static int
cmd_maps(struct session *s)
{
	struct vm *vm = s->vm;
	gpa_t gpa;
	hpa_t hpa;

	if (s->n > 2) {
		bool there;

		if (!parse_whole(s->word[2], &gpa.v))
			return fail(s, -EINVAL, "%s: not an address", s->word[2]);
		spin_lock(&vm->lock);
		there = vm_hpa(vm, gpa, &hpa);
		spin_unlock(&vm->lock);
		if (!there)
			return fail(s, -ENOENT, "%s has no memory at 0x%lx", vm->name, gpa.v);
		text_printf(&s->reply, "0x%lx\n", hpa.v);
		return 0;
	}
	spin_lock(&vm->lock);
	list_for_each (it, &vm->devices)
		print_grants(&s->reply, list_entry(it, struct assigned, link));
	spin_unlock(&vm->lock);
	return 0;
}

/* move NAME GPA, move NAME all: pages get other frames. move NAME all every=MS: and on and on. */
static int
cmd_move(struct session *s)
{
	struct vm *vm = s->vm;
	bool all = strcmp(s->word[2], "all") == 0;
	u64 ms = 0, moved = 0, stayed;
	gpa_t at = {0};
	int n;

	if ((!all && !parse_whole(s->word[2], &at.v)) || !number_option(s, "every", 0, 10000, &ms))
		return fail(s, -EINVAL, "%s: not an address, or no pause of at most 10000 ms",
			s->word[2]);
	if (all && option(s, "every"))
		return vm_move_every(vm, ms);
	stayed = vm->stayed;
	do {
		n = vm_move(vm, &at, all ? vm->mem : ROUND_DOWN(at.v, PAGE_SIZE) + PAGE_SIZE, ~0u);
		moved += MAX(n, 0);
	} while (all && n > 0);
	if (n < 0)
		return n;
	text_printf(&s->reply, "%lu moved, %lu pinned\n", moved, vm->stayed - stayed);
	return 0;
}

/* permit, deny. */
static int
cmd_policy(struct session *s)
{
	assigned_set_policy(s->dev, s->word[0][0] == 'p');
	return 0;
}

enum about {
	ANY,
	A_VM,
	A_NUMBER,
	A_DEVICE
}; /* words 1 and 2: a VM; a device's number; the VM has it */
static const struct command {
	const char *name;
	unsigned words; /* at least */
	enum about about;
	int (*fn)(struct session *);
} commands[] = {
	{"create", 2, ANY, cmd_create},
	{"assign", 3, A_NUMBER, cmd_assign},
	{"release", 3, A_DEVICE, cmd_release},
	{"start", 2, A_VM, cmd_start},
	{"wait", 2, A_VM, cmd_wait},
	{"send", 3, A_VM, cmd_send},
	{"console", 2, A_VM, cmd_console},
	{"stop", 2, A_VM, cmd_stop},
	{"kill", 2, A_VM, cmd_kill},
	{"destroy", 2, A_VM, cmd_destroy},
	{"stats", 2, A_VM, cmd_stats},
	{"maps", 2, A_VM, cmd_maps},
	{"permit", 3, A_DEVICE, cmd_policy},
	{"deny", 3, A_DEVICE, cmd_policy},
	{"move", 3, A_VM, cmd_move},
};

/* Finds the command and what it is about, and does it. control held. */
static int
run(struct session *s)
{
	const struct command *c = commands, *end = commands + NELEM(commands);
	u64 rid;

	while (c < end && strcmp(c->name, s->word[0]) != 0)
		c++;
	if (c == end)
		return -ENOSYS;
	if (s->n < c->words)
		return fail(s, -EINVAL, "%s: too few words", s->word[0]);
	if (c->about != ANY && !(s->vm = find_vm(s->word[1])))
		return fail(s, -ENOENT, "%s: no such VM", s->word[1]);
	if (c->about >= A_NUMBER) {
		if (!parse_whole(s->word[2], &rid) || rid > 0xffff)
			return -EINVAL;
		s->rid = rid;
	}
	if (c->about == A_DEVICE && !(s->dev = assigned_find(s->vm, rid)))
		return fail(s, -ENOENT, "%s has no device " RID_FMT, s->vm->name, RID_ARGS(s->rid));
	return c->fn(s);
}

static s64
vmm_write(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	struct session *s = state;
	int err = 0;

	if (s->console)
		return console_typed(s, user_buf, n);
	if (n >= MAX_REQUEST)
		return -E2BIG;
	mutex_lock(&control);
	if (s->busy) /* a child's command, through the file that it inherited */
		err = -EBUSY;
	else if (copy_in(s->request, user_buf, n))
		err = -EFAULT;
	if (!err) {
		s->request[n] = 0;
		s->n = cut_words(s->request, "\n", true, s->word, MAX_WORDS);
		s->reply.len = s->reply.taken = 0;
		s->busy = true;
		err = run(s);
		s->busy = false;
	}
	mutex_unlock(&control);
	return err ? err : (s64)n;
}

static s64
vmm_read(void *dev, void *state, u64 user_buf, size_t n, u64 pos)
{
	struct session *s = state;
	s64 got;

	if (s->console)
		return console_output(s, user_buf, n);
	mutex_lock(&control);
	got = text_read(&s->reply, user_buf, s->busy ? 0 : n, &s->reply.taken);
	mutex_unlock(&control);
	return got;
}

static int
vmm_open(void *dev, void **state)
{
	struct session *s = kmalloc(sizeof(*s) + MAX_REPLY);

	if (!s)
		return -ENOMEM;
	s->reply = (struct text){.buf = (char *)(s + 1), .size = MAX_REPLY};
	*state = s;
	return 0;
}

static void
vmm_close(void *dev, void *state)
{
	struct session *s = state;

	if (s->console) {
		mutex_lock(&control);
		spin_lock(&s->console->lock);
		s->console->attached = false;
		spin_unlock(&s->console->lock);
		s->console->users--;
		mutex_unlock(&control);
	}
	kfree(s);
}

static void
show_vms(struct text *t)
{
	mutex_lock(&control);
	list_for_each (it, &vms)
		status_line(t, list_entry(it, struct vm, link));
	mutex_unlock(&control);
}
PROC_STATUS_FILE("vms", show_vms);

/* What the numbers in a trace mean, and the clocks that guests see. */
static void
show_vmm(struct text *t)
{
	for (unsigned i = 0; i < EXIT_KINDS; i++)
		text_printf(t, "kvm_exit %u %s\n", i, exit_name(i));
	for (unsigned i = 0; i < HC_COUNT; i++)
		text_printf(t, "kvm_hypercall %u %s\n", i, hypercall_name(i));
	mutex_lock(&control);
	list_for_each (it, &vms) {
		struct vm *vm = list_entry(it, struct vm, link);

		text_printf(t, "vm %u %s tsc_offset 0x%lx ring 0x%lx %u\n", vm->id, vm->name,
			vm->tsc_offset, vm->trace.v, vm->ntraces);
	}
	mutex_unlock(&control);
}
PROC_FILE("vmm", show_vmm);

static const struct devops ops = {
	.open = vmm_open, .close = vmm_close, .read = vmm_read, .write = vmm_write};

static void
vmm_init(void)
{
	mutex_init(&control, "vmm");
	dev_add("/dev/vmm", &ops, NULL);
}
INITCALL(INIT_VMM, vmm_init);
