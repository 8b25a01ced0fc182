/*
 * Boot option selftest=, in the test build only: each breaks one rule on purpose, and the kernel
 * must panic and say which.
 */
#include "kernel/bootinfo.h"
#include "kernel/lib.h"
#include "kernel/proc.h"
#include "kernel/spinlock.h"
#include "kernel/x86.h"

static struct spinlock a = SPINLOCK_INIT("a"), b = SPINLOCK_INIT("b"), c = SPINLOCK_INIT("c");
static struct mutex x, y;

static void
in_order(struct spinlock *first, struct spinlock *second)
{
	spin_lock(first);
	spin_lock(second);
	spin_unlock(second);
	spin_unlock(first);
}

static void
keep(void *unused)
{
	spin_lock(&a);
	for (;;)
		pause();
}

static void
selftest(void)
{
	char test[16];
	volatile int n = 0x7fffffff;

	if (!boot_option("selftest", test, sizeof(test)))
		return;
	mutex_init(&x, "x");
	mutex_init(&y, "y");
	if (strcmp(test, "lockorder") == 0) {
		in_order(&a, &b);
		in_order(&b, &c);
		in_order(&c, &a);
	} else if (strcmp(test, "twice") == 0) {
		spin_init(&b, a.name);
		in_order(&a, &b);
	} else if (strcmp(test, "mutexorder") == 0) {
		mutex_lock(&x);
		mutex_lock(&y);
		mutex_unlock(&x);
		mutex_lock(&x);
	} else if (strcmp(test, "mutexspin") == 0) {
		spin_lock(&a);
		mutex_lock(&x);
	} else if (strcmp(test, "deadlock") == 0) {
		kthread_start("keep", keep, NULL);
		while (!READ_ONCE(a.locked))
			proc_yield();
		spin_lock(&a);
	} else if (strcmp(test, "stuck") == 0) {
		keep(NULL);
	} else if (strcmp(test, "ubsan") == 0) {
		n = n + 1;
	}
}
INITCALL(INIT_VMM, selftest);
