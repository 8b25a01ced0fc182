/* Whether our VMM runs us, and the calls to it. For hal/ alone: nobody else asks. */
#pragma once

#include "hal/hypercall.h"
#include "hal/iommu.h"
#include "lib/types.h"

/* True in a guest of our VMM. */
bool pv_present(void);

/* One hypercall; how many there were. */
s64 pv_call(u64 number, u64 a, u64 b, u64 c, u64 d, u64 e);
extern u64 pv_calls;
/* How often this VM has exited, and for how many ticks of the TSC the machine's CPUs were idle. */
void pv_cost(u64 cost[2]);

/* The IOMMU contract, each operation a hypercall. */
extern const struct iommu_ops pv_ops;
