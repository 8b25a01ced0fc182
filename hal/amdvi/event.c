/* AMD-Vi: what an entry of the event log says (2.5). */
#include "hal/amdvi/amdvi.h"

enum { ILLEGAL_ENTRY = 1, PAGE_FAULT, DEVTAB_ERROR, PAGETAB_ERROR, INVALID_REQUEST = 8 };
#define EVENT_INTERRUPT BIT(51)
#define EVENT_PRESENT   BIT(52)
#define EVENT_WRITE     BIT(53)
#define EVENT_RESERVED  BIT(55) /* a reserved bit was set */

static const char *
page_fault_text(u64 e)
{
	if (e & EVENT_INTERRUPT)
		return "interrupt not permitted";
	if (e & EVENT_RESERVED)
		return "reserved bit in a table";
	if (!(e >> 32 & 0xffff)) /* no domain has the number 0 */
		return "device attached nowhere";
	if (!(e & EVENT_PRESENT))
		return "not mapped";
	return e & EVENT_WRITE ? "write not permitted" : "read not permitted";
}

bool
amdvi_decode(const u64 event[2], struct iommu_fault *f)
{
	static const char *const text[] = {[ILLEGAL_ENTRY] = "bad device table entry",
		[DEVTAB_ERROR] = "device table unreadable",
		[PAGETAB_ERROR] = "page table unreadable",
		[5] = "illegal command",
		[6] = "command buffer unreadable",
		[7] = "device does not answer an invalidation",
		[INVALID_REQUEST] = "request in the interrupt or a reserved range"};
	u64 e = event[0];

	f->reason = e >> 60;
	f->rid = e & 0xffff;
	f->iova.v = event[1] & ~PAGE_MASK;
	f->write = e & EVENT_WRITE;
	f->text = f->reason == PAGE_FAULT                      ? page_fault_text(e)
		  : f->reason < NELEM(text) && text[f->reason] ? text[f->reason]
							       : "see AMD-Vi 2.5";
	return (f->reason >= ILLEGAL_ENTRY && f->reason <= PAGETAB_ERROR) ||
	       f->reason == INVALID_REQUEST;
}
