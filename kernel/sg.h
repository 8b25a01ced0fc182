/* A piece of kernel memory in a scatter-gather list: in the direct map, so physically contiguous.
 */
#ifndef KERNEL_SG_H
#define KERNEL_SG_H

#include "kernel/types.h"

struct sg {
	void *va;
	size_t len; /* bytes */
};

#endif
