#include "kernel/proc.h"
#include "hal/smp.h"
#include "hal/timer.h"
#include "kernel/cpu.h"
#include "kernel/devfs.h"
#include "kernel/file.h"
#include "kernel/fs.h"
#include "kernel/kalloc.h"
#include "kernel/x86.h"

/* entry.S */
void switch_context(u64 *save_rsp, u64 new_rsp);
void first_return(void);
void trap_return(void);
void thread_start(void);

/* One lock for process states, the run queue and sleeping. */
static struct spinlock lock = SPINLOCK_INIT("scheduler");
static struct list all = LIST_INIT(all), runnable = LIST_INIT(runnable);
static struct proc *init_proc;
static int next_pid = 1;

struct proc *
current(void)
{
	struct proc *p;

	asm volatile("mov %%gs:%c1, %0" : "=r"(p) : "i"(offsetof(struct cpu, proc)));
	return p;
}

/* Makes p runnable and wakes an idle CPU for it. Lock held. */
static void
make_runnable(struct proc *p)
{
	p->state = PROC_RUNNABLE;
	p->chan = NULL;
	p->wake_at = 0;
	list_add_tail(&runnable, &p->queue);
	for_each_cpu (c) {
		if (c->idle && c != this_cpu()) {
			c->idle = false;
			smp_kick(c->id);
			break;
		}
	}
}

/* A process with a kernel stack whose context begins at first_return. */
static struct proc *
proc_new(const char *name)
{
	struct proc *p = kmalloc(sizeof(*p));
	paddr_t stack = frame_alloc(KERNEL_STACK_ORDER, FRAME_KERNEL);
	u64 *sp;

	if (!p || !stack) {
		if (stack)
			frame_free(stack, KERNEL_STACK_ORDER, FRAME_KERNEL);
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
	list_init(&p->queue);
	spin_lock(&lock);
	p->pid = next_pid++;
	list_add_tail(&all, &p->all);
	spin_unlock(&lock);
	return p;
}

/* Frees what is left of a process that runs nowhere and is in no list. */
static void
proc_free(struct proc *p)
{
	aspace_destroy(&p->as);
	frame_free(virt_to_phys(p->stack), KERNEL_STACK_ORDER, FRAME_KERNEL);
	kfree(p);
}

/* The first code of every thread: the scheduler's lock is still held from the switch. */
void
thread_start(void)
{
	struct proc *p = current();

	spin_unlock(&lock);
	if (p->fn) {
		p->fn(p->arg);
		proc_exit(0);
	}
}

struct proc *
kthread_start(const char *name, void (*fn)(void *), void *arg)
{
	struct proc *p = proc_new(name);

	if (!p)
		return NULL;
	p->fn = fn;
	p->arg = arg;
	spin_lock(&lock);
	make_runnable(p);
	spin_unlock(&lock);
	return p;
}

/* A kernel thread that has ended, for the caller to free: nobody waits for those. Lock held. */
static struct proc *
take_dead_thread(void)
{
	list_for_each (it, &all) {
		struct proc *p = list_entry(it, struct proc, all);
		if (p->state == PROC_ZOMBIE && p->fn) {
			list_remove(&p->all);
			return p;
		}
	}
	return NULL;
}

static bool any_dead_thread; /* (s) */

/* Runs p until it switches back. Lock held before and after. */
static void
run(struct cpu *c, struct proc *p)
{
	p->state = PROC_RUNNING;
	if (*(u64 *)p->stack != STACK_MARK)
		panic("%s (pid %d) has overrun its kernel stack", p->name, p->pid);
	c->proc = p;
	c->resched = false;
	c->kernel_rsp = c->tss.rsp[0] = (u64)p->stack + (PAGE_SIZE << KERNEL_STACK_ORDER);
	if (p->as.pt.root)
		aspace_load(&p->as);
	switch_context(&c->scheduler_rsp, p->rsp);
	c->proc = NULL;
	/* Its tables may be freed by another CPU as soon as we release the lock: leave them now. */
	if (p->as.pt.root)
		mem_load_kernel();
	any_dead_thread |= p->state == PROC_ZOMBIE && p->fn;
}

void
scheduler(void)
{
	struct cpu *c = this_cpu();

	sti();
	for (;;) {
		struct proc *dead = NULL;

		spin_lock(&lock);
		if (any_dead_thread && !(dead = take_dead_thread()))
			any_dead_thread = false;
		if (!dead && !list_empty(&runnable)) {
			struct proc *p = list_entry(runnable.next, struct proc, queue);
			list_remove(&p->queue);
			run(c, p);
		} else if (!dead) {
			/* Whoever makes something runnable now sees `idle` and sends an IPI. */
			c->idle = true;
			c->irq_were_on = false; /* an IPI before HLT must stay pending */
			spin_unlock(&lock);
			asm volatile("sti; hlt; cli" ::: "memory");
			c->idle = false;
			sti();
			continue;
		}
		spin_unlock(&lock);
		if (dead)
			proc_free(dead);
		sti();
	}
}

/* Back to the scheduler. Holds the lock, and only that; the state has been set. */
static void
leave_cpu(struct proc *p)
{
	struct cpu *c = this_cpu();
	bool were_on;

	ASSERT(spin_held(&lock) && c->irq_off == 1 && p->state != PROC_RUNNING);
	were_on = c->irq_were_on;
	switch_context(&p->rsp, c->scheduler_rsp);
	this_cpu()->irq_were_on = were_on; /* perhaps another CPU: the flag is this thread's */
}

void
proc_yield(void)
{
	struct proc *p = current();

	spin_lock(&lock);
	p->state = PROC_RUNNABLE;
	list_add_tail(&runnable, &p->queue);
	leave_cpu(p);
	spin_unlock(&lock);
}

bool
proc_sleep_until(void *chan, struct spinlock *lk, u64 deadline_ns)
{
	struct proc *p = current();
	bool in_time = true;

	ASSERT(p);
	spin_lock(&lock);
	spin_unlock(lk);
	if (p->killed && !p->kill_seen) {
		/* Killed after the caller looked: it gets to look again, once. */
		p->kill_seen = true;
	} else {
		p->chan = chan;
		p->wake_at = deadline_ns;
		p->state = PROC_SLEEPING;
		leave_cpu(p);
		in_time = p->chan == NULL;
		p->chan = NULL;
	}
	spin_unlock(&lock);
	spin_lock(lk);
	return in_time;
}

void
proc_sleep(void *chan, struct spinlock *lk)
{
	proc_sleep_until(chan, lk, 0);
}

void
wakeup(void *chan)
{
	spin_lock(&lock);
	list_for_each (it, &all) {
		struct proc *p = list_entry(it, struct proc, all);
		if (p->state == PROC_SLEEPING && p->chan == chan)
			make_runnable(p);
	}
	spin_unlock(&lock);
}

void
proc_tick(u64 now_ns)
{
	spin_lock(&lock);
	if (this_cpu()->id == 0) {
		list_for_each (it, &all) {
			struct proc *p = list_entry(it, struct proc, all);
			if (p->state == PROC_SLEEPING && p->wake_at && p->wake_at <= now_ns) {
				void *chan = p->chan;
				make_runnable(p);
				p->chan = chan; /* tells the sleeper that its time is up */
			}
		}
	}
	this_cpu()->resched = !list_empty(&runnable);
	spin_unlock(&lock);
}

void
sleep_ms(u64 ms)
{
	static struct spinlock lk = SPINLOCK_INIT("sleep");
	u64 deadline = timer_ns() + ms * 1000000;

	spin_lock(&lk);
	while (!current()->killed && timer_ns() < deadline)
		proc_sleep_until(&deadline, &lk, deadline);
	spin_unlock(&lk);
}

int
proc_fork(void)
{
	struct proc *p = current(), *child = proc_new(p->name);

	if (!child)
		return -ENOMEM;
	if (aspace_copy(&child->as, &p->as)) {
		spin_lock(&lock);
		list_remove(&child->all);
		spin_unlock(&lock);
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
	child->parent = p;
	child->job = p->job;
	child->killed = p->killed; /* whoever killed the job may not have seen the child */
	make_runnable(child);
	spin_unlock(&lock);
	return child->pid;
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
	spin_lock(&lock);
	list_for_each (it, &all) {
		struct proc *q = list_entry(it, struct proc, all);
		if (q->parent == p)
			q->parent = init_proc;
	}
	p->status = status;
	p->state = PROC_ZOMBIE;
	struct proc *waiters[] = {p->parent, init_proc}; /* init may have inherited zombies */
	for (unsigned i = 0; i < NELEM(waiters); i++)
		if (waiters[i] && waiters[i]->state == PROC_SLEEPING &&
			waiters[i]->chan == waiters[i])
			make_runnable(waiters[i]);
	leave_cpu(p);
	panic("a zombie runs");
}

int
proc_wait(int *status)
{
	struct proc *self = current();

	spin_lock(&lock);
	for (;;) {
		bool any = false;

		list_for_each (it, &all) {
			struct proc *p = list_entry(it, struct proc, all);
			if (p->parent != self)
				continue;
			any = true;
			if (p->state == PROC_ZOMBIE) {
				int pid = p->pid;
				*status = p->status;
				list_remove(&p->all);
				spin_unlock(&lock);
				proc_free(p);
				return pid;
			}
		}
		if (!any || self->killed) {
			spin_unlock(&lock);
			return any ? -EINTR : -ECHILD;
		}
		self->chan = self;
		self->state = PROC_SLEEPING;
		leave_cpu(self);
	}
}

/* Marks p as killed, and ends its sleep. Lock held. */
static void
kill_one(struct proc *p)
{
	p->killed = true;
	if (p->state == PROC_SLEEPING)
		make_runnable(p);
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
		if (p == init_proc) {
			err = -EPERM;
		} else {
			kill_one(p);
			err = 0;
		}
	}
	spin_unlock(&lock);
	return err;
}

void
proc_kill_job(int job)
{
	spin_lock(&lock);
	list_for_each (it, &all) {
		struct proc *p = list_entry(it, struct proc, all);
		if (job && p->job == job && p->state != PROC_ZOMBIE && p != init_proc)
			kill_one(p);
	}
	spin_unlock(&lock);
}

static struct {
	const char *path, *arg;
} first;

/* The first process's way into its program: from here exec() is like any other. */
static void
init_thread(void *unused)
{
	struct proc *p = current();
	char *argv[] = {(char *)first.path, (char *)first.arg, NULL};
	int err = fs_mount_root();

	if (err)
		panic("no root file system: %s; give a disk (root=nvme0) or a boot module",
			strerror(err));
	p->fn = NULL; /* a process from now on */
	init_proc = p;
	p->cwd = inode_ref(fs_root());
	for (int fd = 0; fd < 3; fd++)
		if ((err = file_open("/dev/console", O_RDWR, &p->file[fd])))
			panic("cannot open /dev/console: %s", strerror(err));
	if ((err = exec(first.path, argv)) < 0)
		panic("cannot run %s: %s", first.path, strerror(err));
	/* Leave as from a trap, with the frame that exec() filled in. */
	asm volatile("mov %0, %%rsp; jmp trap_return" ::"r"(p->tf));
	__builtin_unreachable();
}

void
proc_start_init(const char *path, const char *arg)
{
	first.path = path;
	first.arg = arg;
	if (!kthread_start("init", init_thread, NULL))
		panic("no memory for init");
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

void
mutex_init(struct mutex *m, const char *name)
{
	spin_init(&m->lk, name);
	m->owner = NULL;
}

void
mutex_lock(struct mutex *m)
{
	spin_lock(&m->lk);
	ASSERT(m->owner != current());
	while (m->owner)
		proc_sleep(m, &m->lk);
	m->owner = current();
	spin_unlock(&m->lk);
}

void
mutex_unlock(struct mutex *m)
{
	spin_lock(&m->lk);
	ASSERT(m->owner == current());
	m->owner = NULL;
	spin_unlock(&m->lk);
	wakeup(m);
}
