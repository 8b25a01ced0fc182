/*
 * What the test build adds (make DEBUG=1): the order of locks is checked, and a CPU that waits or
 * is silent too long is noticed. In the normal build nothing of it exists.
 */
#pragma once

#include "lib/types.h"

#ifdef DEBUG
struct held_locks;
struct spinlock;
struct trapframe;

/* Adds a lock that the caller at `at` is about to take to what its CPU (a spin lock, interrupts
 * off) or its thread (a mutex, by its spin lock) holds; panics if that could deadlock. */
void debug_hold(struct held_locks *h, struct spinlock *l, void *at);
void debug_release(struct held_locks *h, struct spinlock *l);
/* "function+0x12" of a code address. */
const char *debug_place(void *at, char buf[64]);

/* This CPU still waits for l; panics when that has taken too long. */
void debug_wait(struct spinlock *l);
/* The clock's interrupt: looks whether another CPU's clock goes, too. */
void debug_tick(u64 now_ns);
/* The latest time at which a CPU that idles looks after the others. */
#define DEBUG_IDLE(now_ns) ((now_ns) + 1000000000UL)
/* An NMI: does not return if it asks where this CPU is. */
void debug_nmi(const struct trapframe *tf);
#else
#define debug_hold(h, l, at)
#define debug_release(h, l)
#define debug_wait(l)
#define debug_tick(now_ns)
#define DEBUG_IDLE(now_ns) (~0UL)
#define debug_nmi(tf)
#endif
