/* Processes: their making, their end, and the first one. */
#include "kernel/proc.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/file.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"

void first_return(void); /* entry.S */

/* Over the family: who there is, whose child it is, who has ended. */
static struct spinlock lock = SPINLOCK_INIT("processes");
static struct list all = LIST_INIT(all);
static struct proc *init_proc;
static int next_pid = 2; /* 1 is init's */
static int killed_job;   /* the last one: who is forked into it is killed, too */

/* A process with a kernel stack whose context begins at first_return. */
static struct proc *
proc_new(const char *name, struct proc *parent)
{
	struct proc *p = kmalloc(sizeof(*p));
	paddr_t stack = frame_alloc(KERNEL_STACK_ORDER, FRAME_STACK);
	u64 *sp;

	if (!p || !stack) {
		if (stack)
			frame_free(stack, KERNEL_STACK_ORDER, FRAME_STACK);
		kfree(p);
		return NULL;
	}
	p->stack = phys_to_virt(stack);
	*(u64 *)p->stack = STACK_MARK;
	p->tf = (struct trapframe *)((char *)p->stack + (PAGE_SIZE << KERNEL_STACK_ORDER)) - 1;
	memset(p->tf, 0, sizeof(*p->tf));
	sp = (u64 *)p->tf;
	*--sp = (u64)first_return;
	for (int i = 0; i < 6; i++) /* the registers that switch_context pops */
		*--sp = 0;
	p->rsp = (u64)sp;
	strlcpy(p->name, name, sizeof(p->name));
	list_init(&p->children);
	list_init(&p->sibling);
	spin_lock(&lock);
	p->pid = next_pid++;
	p->parent = parent;
	list_add_tail(&all, &p->all);
	if (parent)
		list_add_tail(&parent->children, &p->sibling);
	spin_unlock(&lock);
	return p;
}

void
proc_free(struct proc *p)
{
	spin_lock(&lock);
	list_remove(&p->all);
	list_remove(&p->sibling);
	spin_unlock(&lock);
	aspace_destroy(&p->as);
	frame_free(virt_to_phys(p->stack), KERNEL_STACK_ORDER, FRAME_STACK);
	kfree(p);
}

/* The first code of every thread, come from the scheduler with interrupts off. */
void
thread_start(void)
{
	struct proc *p = current();

	this_cpu()->irq_were_on = true;
	irq_pop();
	if (p->fn) {
		p->fn(p->arg);
		proc_exit(0);
	}
}

struct proc *
kthread_start(const char *name, void (*fn)(void *), void *arg)
{
	struct proc *p = proc_new(name, NULL);

	if (!p)
		return NULL;
	/* QEMU 7.2: a page that holds code which has run is slow to write until that is
	 * overwritten. */
	memset((u64 *)p->stack + 1, 0, p->rsp - (u64)p->stack - 8);
	p->fn = fn;
	p->arg = arg;
	sched_add(p);
	return p;
}

int
proc_fork(void)
{
	struct proc *p = current(), *child = proc_new(p->name, p);
	int pid;

	if (!child)
		return -ENOMEM;
	if (aspace_copy(&child->as, &p->as)) {
		child->as.pt.root = NULL;
		proc_free(child);
		return -ENOMEM;
	}
	*child->tf = *p->tf;
	child->tf->rax = 0;
	for (int fd = 0; fd < MAX_FILES; fd++)
		if (p->file[fd])
			child->file[fd] = file_ref(p->file[fd]);
	child->cwd = inode_ref(p->cwd);
	spin_lock(&lock);
	child->job = p->child_job ? p->child_job : p->job;
	/* Whoever killed the job may not have seen the child in it. */
	child->killed |= p->killed || (child->job && child->job == killed_job);
	spin_unlock(&lock);
	pid = child->pid;
	sched_add(child); /* from here on it may end, but only we can free it */
	return pid;
}

void
proc_exit(int status)
{
	struct proc *p = current();

	if (p == init_proc)
		panic("init ended with status %d", status);
	for (int fd = 0; fd < MAX_FILES; fd++)
		if (p->file[fd])
			file_close(p->file[fd]);
	if (p->cwd)
		inode_put(p->cwd);
	irq_push_off();
	spin_lock(&lock);
	if (!list_empty(&p->children))
		wakeup(init_proc); /* some may be zombies already */
	list_for_each (it, &p->children) {
		struct proc *q = list_entry(it, struct proc, sibling);
		q->parent = init_proc;
		list_remove(&q->sibling);
		list_add_tail(&init_proc->children, &q->sibling);
	}
	p->status = status;
	p->state = PROC_ZOMBIE;
	wakeup(p->parent);
	spin_unlock(&lock);
	sched_leave();
	panic("a zombie runs");
}

/* A child that has ended; *any tells whether there are children at all. Lock held. */
static struct proc *
find_zombie(struct proc *parent, bool *any)
{
	*any = !list_empty(&parent->children);
	return list_find(struct proc, sibling, &parent->children, p, p->state == PROC_ZOMBIE);
}

int
proc_wait(int *status)
{
	struct proc *self = current(), *p;
	bool any;
	int pid;

	spin_lock(&lock);
	while (!(p = find_zombie(self, &any)) && any && !self->killed)
		proc_sleep(self, &lock);
	spin_unlock(&lock);
	if (!p)
		return any ? -EINTR : -ECHILD;
	pid = p->pid;
	*status = p->status;
	sched_wait_off(p);
	proc_free(p);
	return pid;
}

int
proc_kill(int pid)
{
	int err = -ENOENT;

	spin_lock(&lock);
	list_for_each (it, &all) {
		struct proc *p = list_entry(it, struct proc, all);
		if (p->pid != pid || p->state == PROC_ZOMBIE || p->fn)
			continue;
		err = p == init_proc ? -EPERM : 0;
		if (!err)
			sched_kill(p);
	}
	spin_unlock(&lock);
	return err;
}

int
proc_new_job(void)
{
	static int jobs;

	spin_lock(&lock);
	current()->child_job = ++jobs;
	spin_unlock(&lock);
	return current()->child_job;
}

void
proc_kill_job(int job)
{
	spin_lock(&lock);
	killed_job = job;
	list_for_each (it, &all) {
		struct proc *p = list_entry(it, struct proc, all);
		if (job && p->job == job && p->state != PROC_ZOMBIE && p != init_proc)
			sched_kill(p);
	}
	spin_unlock(&lock);
}

void
proc_become_init(const char *path, const char *arg)
{
	struct proc *p = current();
	char *argv[] = {(char *)path, (char *)arg, NULL};
	int err = fs_mount_root();

	if (err)
		panic("no root file system: %s; give a disk (root=nvme0) or a boot module",
			strerror(err));
	p->pid = 1;
	p->fn = NULL; /* a process from now on */
	init_proc = p;
	p->cwd = inode_ref(fs_root);
	for (int fd = 0; fd < 3; fd++)
		if ((err = file_open("/dev/console", O_RDWR, &p->file[fd])))
			panic("cannot open /dev/console: %s", strerror(err));
	if ((err = exec(path, argv)) < 0)
		panic("cannot run %s: %s", path, strerror(err));
	/* Leave as from a trap, with the frame that exec() filled in. */
	asm volatile("mov %0, %%rsp; jmp trap_return" ::"r"(p->tf));
	__builtin_unreachable();
}

static void
show_ps(struct text *t)
{
	static const char *const state[] = {"new", "sleep", "ready", "run", "zombie"};

	text_printf(t, "%5s %5s %-7s %s\n", "PID", "PPID", "STATE", "NAME");
	spin_lock(&lock);
	list_for_each (it, &all) {
		struct proc *p = list_entry(it, struct proc, all);
		text_printf(t, "%5d %5d %-7s %s%s\n", p->pid, p->parent ? p->parent->pid : 0,
			state[p->state], p->name, p->fn ? " (kernel)" : "");
	}
	spin_unlock(&lock);
}
PROC_STATUS_FILE("ps", show_ps);
