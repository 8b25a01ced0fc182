/* The list of tracepoints as data: for the kernel, which turns them on, and for who reads a trace.
 */
#include "lib/trace.h"
#include "lib/string.h"

const struct trace_type trace_types[TRACE_NEVENTS] = {
#define X(name, kind, format, text) {#name, format, text, TRACE_##kind},
	TRACE_EVENTS(X)
#undef X
};

/* Marks what the first n characters of word name; false: nothing. */
static bool
mark(const char *word, size_t n, bool on[TRACE_NEVENTS])
{
	bool any = false;

	for (unsigned i = 0; i < TRACE_NEVENTS; i++)
		if (strncmp(word, "all", n) == 0 || strncmp(word, trace_types[i].name, n) == 0)
			any = on[i] = true;
	return any;
}

bool
trace_named(const char *words, bool on[TRACE_NEVENTS])
{
	memset(on, 0, TRACE_NEVENTS);
	if (strcmp(words, "off") == 0)
		return true;
	for (size_t n; *words; words += n + (words[n] == ',')) {
		for (n = 0; words[n] && words[n] != ','; n++)
			;
		if (!n || !mark(words, n, on))
			return false;
	}
	for (unsigned i = 1; i < TRACE_NEVENTS; i++)
		if (trace_types[i].kind == TRACE_LEAVE)
			on[i] = on[i - 1] = on[i] || on[i - 1];
	return true;
}

void
trace_list(struct text *t, const bool on[TRACE_NEVENTS])
{
	text_printf(t, "%-24s %-3s %-42s %s\n", "EVENT", "ON", "FORMAT", "WHAT");
	for (unsigned i = 0; i < TRACE_NEVENTS; i++)
		text_printf(t, "%-24s %-3s %-42s %s\n", trace_types[i].name, on[i] ? "on" : "-",
			trace_types[i].format, trace_types[i].text);
}
