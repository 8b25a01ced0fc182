/* The log, panic, assertions, lists: what every layer of the kernel may use. */
#pragma once

#include "lib/format.h"
#include "lib/list.h"
#include "lib/string.h"
#include "lib/types.h"

/* The kernel's log: to the console if the level is low enough, and to dmesg always. */
enum { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };
void klog(int level, const char *fmt, ...) PRINTF(2, 3);
#define pr_err(...)  klog(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) klog(LOG_WARN, __VA_ARGS__)
#define pr_info(...) klog(LOG_INFO, __VA_ARGS__)

/* Stops the machine with registers and a symbolic backtrace on the console. */
void panic(const char *fmt, ...) PRINTF(1, 2) NORETURN;
bool panic_begun(void);
/* Before the first line about it: only one CPU returns, the others stop; the log takes no locks. */
void panic_enter(void);
#define ASSERT(e)                                                                     \
	do {                                                                          \
		if (!(e))                                                             \
			panic("%s:%d: assertion failed: %s", __FILE__, __LINE__, #e); \
	} while (0)

/*
 * Takes a free number out of 1 to n-1, the next in turn after `last`, so that none is used again
 * soon; 0 if all are used.
 */
static inline unsigned
take_id(bool used[], unsigned n, unsigned last)
{
	for (unsigned i = 1; i <= n; i++) {
		unsigned id = (last + i) % n;

		if (id && !used[id]) {
			used[id] = true;
			return id;
		}
	}
	return 0;
}

/*
 * A list that the linker collects: any file adds an element, and no table names them all. That is
 * how drivers, devices and the VMM make themselves known without being included anywhere.
 */
#define SECTION_ELEMENT(type, list_, name) \
	static const type name __attribute__((used, aligned(8), section(".list." #list_)))
#define section_for_each(type, it, section)                                     \
	extern const type __list_##section##_start[], __list_##section##_end[]; \
	for (const type *it = __list_##section##_start; it < __list_##section##_end; it++)

/*
 * Work to do once at boot, by rising order. INIT_CONSOLE comes first of all, before memory; the
 * others when threads, interrupts and memory are ready.
 */
struct initcall {
	int order;
	void (*fn)(void);
};
enum { INIT_CONSOLE, INIT_BUS, INIT_DEVICE, INIT_VMM };
#define INITCALL(order, fn) SECTION_ELEMENT(struct initcall, initcall, initcall_##fn) = {order, fn}
