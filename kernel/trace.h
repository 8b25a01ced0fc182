/*
 * Tracepoints: trace_NAME(id, n, a, b) for each of the list in lib/trace.h. One that is off costs a
 * look at a byte. To be called from anywhere but an NMI.
 */
#pragma once

#include "lib/trace.h"

/* Of both of a pair, ENTER and LEAVE, at once. */
extern bool trace_on[TRACE_NEVENTS];
extern struct trace_ring trace_ring[];

/* Writes a record into this CPU's ring; over the oldest, if it is full. */
RARE void trace_record(enum trace_event event, u16 id, u32 n, u64 a, u64 b);

#define X(name, kind, format, text)                                  \
	static inline void trace_##name(u16 id, u32 n, u64 a, u64 b) \
	{                                                            \
		if (UNLIKELY(trace_on[TRACE_##name]))                \
			trace_record(TRACE_##name, id, n, a, b);     \
	}
TRACE_EVENTS(X)
#undef X
