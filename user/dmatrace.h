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

/* What was recorded: of each piece that was read from a ring a header, then its records. */
struct chunk {
	u16 vm;
	u32 n;
	u64 tsc, lost; /* when it was read; records that were overwritten before */
	u64 reserved;
};
_Static_assert(sizeof(struct chunk) == sizeof(struct trace_record), "they lie in one array");
extern struct trace_record *raw;
extern size_t nraw;
extern char *names; /* /proc/vmm at its end */
extern u64 khz;     /* of the TSC */

/* Records what the words name while the command runs, whose status it returns. */
int record(const char *what, char **command);
/* A file as text; NULL: it cannot be read. */
char *slurp(const char *path, size_t *n);

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
