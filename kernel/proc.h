/*
 * Processes and kernel threads, and the scheduler that runs both. A kernel thread is a process
 * without an address space.
 */
#ifndef KERNEL_PROC_H
#define KERNEL_PROC_H

#include "kernel/abi.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "kernel/spinlock.h"
#include "kernel/trap.h"

#define KERNEL_STACK_ORDER 2                    /* 16 KiB */
#define STACK_MARK         0x4b5354414b4d524bUL /* at its end: gone after an overrun */
#define TIME_SLICE_MS      10

struct file;
struct inode;

enum proc_state { PROC_NEW, PROC_SLEEPING, PROC_RUNNABLE, PROC_RUNNING, PROC_ZOMBIE };

/* (s): scheduler lock; (o): only the process itself, or its creator before it runs. */
struct proc {
	struct list all;              /* (s) every process */
	struct list queue;            /* (s) in the run queue while RUNNABLE */
	enum proc_state state;        /* (s) */
	int pid;                      /* constant */
	char name[16];                /* (o) */
	struct proc *parent;          /* (s) */
	void *chan;                   /* (s) what it sleeps on */
	u64 wake_at;                  /* (s) nanoseconds since boot; 0: only by wakeup() */
	bool killed;                  /* set by anyone, read by (o) */
	bool kill_seen;               /* (s) a sleep was cut short for it */
	int job;                      /* (o) Ctrl-C ends all of the foreground job; 0: of none */
	int status;                   /* (s) once a ZOMBIE */
	void *stack;                  /* kernel stack */
	u64 rsp;                      /* saved context while not running */
	struct trapframe *tf;         /* (o) of the user state, at the top of the stack */
	struct aspace as;             /* (o) as.pt.root is NULL in a kernel thread */
	void (*fn)(void *), *arg;     /* (o) a kernel thread's body */
	struct file *file[MAX_FILES]; /* (o) */
	struct inode *cwd;            /* (o) */
	int log_depth;                /* (o) of log_begin() */
};

/* The running thread; NULL in the scheduler. */
struct proc *current(void);

/* Starts a kernel thread; NULL without memory. Its body ends by returning. */
struct proc *kthread_start(const char *name, void (*fn)(void *), void *arg);

/* Runs the scheduler on this CPU; does not return. */
void scheduler(void) NORETURN;
/* Gives the CPU away; the caller stays runnable and holds no spin lock. */
void proc_yield(void);
/* The clock's interrupt: ends sleeps whose time has come, and time slices. */
void proc_tick(u64 now_ns);

/*
 * Sleeps on chan until wakeup(chan). `lk` is held by the caller; it is released while asleep and
 * held again on return. No wakeup is lost: whoever changes the condition holds lk, and between
 * our release of lk and our going to sleep the scheduler lock is held, which wakeup() takes.
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
/* Kills every process of a job; none if it is 0. May be called from an interrupt. */
void proc_kill_job(int job);
/* The first process: runs path with one argument, or none if arg is NULL. */
void proc_start_init(const char *path, const char *arg);

/* Replaces the current process's program (exec.c). argv ends with NULL. */
int exec(const char *path, char *const argv[]);

/* A lock that may be held while sleeping. */
struct mutex {
	struct spinlock lk;
	struct proc *owner;
};
void mutex_init(struct mutex *m, const char *name);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);

#endif
