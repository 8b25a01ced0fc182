/*
 * Processes and kernel threads (proc.c), and the scheduler that runs both (sched.c). A kernel
 * thread is a process without an address space.
 */
#pragma once

#include "lib/abi.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"
#include "kernel/trap.h"

#define KERNEL_STACK_ORDER 2                    /* 16 KiB */
#define STACK_MARK         0x4b5354414b4d524bUL /* at its end: gone after an overrun */

struct file;
struct inode;

enum proc_state { PROC_NEW, PROC_SLEEPING, PROC_RUNNABLE, PROC_RUNNING, PROC_ZOMBIE };

/*
 * (f): the lock over the family, in proc.c; (q): the lock of the list that the process is in;
 * (t): the lock of its CPU's timers; (o): only the process itself, or its creator before it runs.
 */
struct proc {
	struct list all;              /* (f) every process */
	struct list children;         /* (f) by their `sibling` */
	struct list sibling;          /* (f) */
	struct proc *parent;          /* (f) NULL: a kernel thread */
	int pid;                      /* constant */
	char name[16];                /* (o) */
	enum proc_state state;        /* (q) */
	struct list queue;            /* (q) a run queue or a list of sleepers */
	bool on_cpu;                  /* set by the CPU that runs it; its stack is in use */
	int cpu;                      /* where it ran last */
	void *chan;                   /* (o) what it sleeps on, or is about to */
	struct list timer;            /* (t) */
	u64 wake_at;                  /* (t) nanoseconds since boot */
	struct timers *timers;        /* (o) the CPU's that it is in */
	bool timed_out;               /* (t) */
	bool killed;                  /* set by anyone, read by (o) */
	bool kill_seen;               /* (o) a sleep was cut short for it */
	int job, child_job;           /* (o) of which Ctrl-C ends all; of its children, unless 0 */
	int status;                   /* (f) once a ZOMBIE */
	void *stack;                  /* kernel stack */
	u64 rsp;                      /* saved context while not running */
	struct trapframe *tf;         /* (o) of the user state, at the top of the stack */
	struct aspace as;             /* (o) as.pt.root is NULL in a kernel thread */
	void (*fn)(void *), *arg;     /* (o) a kernel thread's body */
	struct file *file[MAX_FILES]; /* (o) */
	struct inode *cwd;            /* (o) */
#ifdef DEBUG
	struct held_locks held; /* (o) mutexes */
#endif
};

/* The running thread; NULL in the scheduler. For the code that asks it never changes. */
struct proc *current(void) __attribute__((const));

/* Starts a kernel thread; NULL without memory. Its body ends by returning. */
struct proc *kthread_start(const char *name, void (*fn)(void *), void *arg);

/* Before everything else here. */
void sched_init(void);
/* Runs the scheduler on this CPU; does not return. */
void scheduler(void) NORETURN;
/* Gives the CPU away; the caller stays runnable and holds no spin lock. */
void proc_yield(void);
/* At the begin of an interrupt: it may have ended this CPU's idling. */
void sched_count_idle(void);
/* The clock's interrupt: ends sleeps whose time has come, and time slices. */
void sched_tick(u64 now_ns);

/* Between proc.c and sched.c. A process that is new, or in no list any more, is to run. */
void sched_add(struct proc *p);
/* Leaves the CPU for good or until sched_add(). Interrupts pushed off once, no lock held. */
void sched_leave(void);
/* Waits until p, which has left its CPU or is about to, is off it. */
void sched_wait_off(const struct proc *p);
/* Tells p to end, and wakes it. The caller sees to it that p is not freed meanwhile. */
void sched_kill(struct proc *p);
/* Frees what is left of a process that runs nowhere. */
void proc_free(struct proc *p);

/*
 * Sleeps on chan until wakeup(chan). `lk` is held by the caller; it is released while asleep and
 * held again on return. No wakeup is lost: whoever changes the condition holds lk, and we are in
 * the list that wakeup() looks at before we release it. That we may be woken before we have left
 * this CPU does no harm: who runs us waits for that.
 */
void proc_sleep(void *chan, struct spinlock *lk);
/* The same with a time limit, nanoseconds since boot; false if that came first. */
bool proc_sleep_until(void *chan, struct spinlock *lk, u64 deadline_ns);
void wakeup(void *chan);
/* Sleeps that long; ends early if the process is killed. */
void sleep_ms(u64 ms);

/* The process part of the system calls of the same names. */
int proc_fork(void);
void proc_exit(int status) NORETURN;
int proc_wait(int *status);
int proc_kill(int pid);
/* What the caller forks from now on is a new job; its number. */
int proc_new_job(void);
/* Kills every process of a job; none if it is 0. May be called from an interrupt. */
void proc_kill_job(int job);
/* Makes the calling kernel thread the first process: path with one argument; none if it is NULL. */
void proc_become_init(const char *path, const char *arg) NORETURN;

/* Replaces the current process's program (exec.c). argv ends with NULL. */
int exec(const char *path, char *const argv[]);

/* A lock that may be held while sleeping. */
struct mutex {
	struct spinlock lk;
	struct proc *owner;
	int waiters;
};
void mutex_init(struct mutex *m, const char *name);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
