/*
 * A guest that maps and unmaps without end, whatever it is answered, so that each command of the
 * host's meets a call under way. Its beginning is that of tests/guest/foreign.c.
 */
#define foreign checks
#include "tests/guest/foreign.c"
#undef foreign

__attribute__((used)) static void
foreign(void)
{
	enum { AT = 0x5000000, SLOTS = 64 };
	u32 rid = 0;

	while (config(rid, 0) != 0x11e81234)
		rid += 8;
	print("ready\n");
	for (u64 i = 0;; i++) {
		u64 in = i % SLOTS, out = (i + SLOTS / 2) % SLOTS;

		if (!in) /* the device may have been taken away, and come back */
			call(HC_attach, rid, 0, 0, 0, 0);
		call(HC_map, rid, AT + (in << 16), (u64)page, in % 7 + 1, HC_READ | HC_WRITE);
		call(HC_unmap, rid, AT + (out << 16), out % 7 + 1, i % 3 ? HC_SYNC : 0, 0);
	}
}
