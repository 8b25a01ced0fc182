/* dmatrace: a trace in memory, and what is made of it. */
#pragma once

#include "lib/trace.h"
#include "user/user.h"

/* One event, in the order of time; of the host (vm 0) or of a guest. */
struct event {
	u64 ns; /* since the first */
	u16 vm, id, pid;
	u8 what, cpu; /* what: enum trace_event */
	u32 n;
	u64 a, b;
};

extern struct event *events;
extern size_t nevents;
extern u64 nlost;

/* Of each event: its name, its format, and ENTER, ENTER_CPU, LEAVE or POINT. */
enum kind { POINT, ENTER, ENTER_CPU, LEAVE };
struct event_type {
	const char *name, *format;
	enum kind kind;
};
extern const struct event_type types[TRACE_NEVENTS];

/* One read or write, from the driver's map to its unmap. Times in ns; 0: not seen. */
enum { MAP, MAPPED, SUBMIT, COMPLETE, UNMAP, UNMAPPED, IO_TIMES };
struct io {
	u16 vm, rid;
	u32 cmd, len, dir;
	u64 va, iova;
	u64 at[IO_TIMES];
	size_t map, call, submit, complete,
		unmap; /* events; 0: none. call: of the map, at the VMM */
};
extern struct io *ios;
extern size_t nios;

/* Finds the ios among the events. */
void find_ios(void);

/* The name of value n in a field of that event, or of VM n; a number if it has none. */
const char *name_of(const char *field, u64 n);
/* The event's fields as text: "device=00:04.0 …". */
void put_fields(struct text *t, const struct event *e);

/* Standard output, in large pieces. */
void out(const char *format, ...) PRINTF(1, 2);
void out_end(void);

void print_summary(void);
void print_json(void);
