/* What the HAL has to know of a device that does DMA and interrupts. Bus drivers fill it in. */
#pragma once

#include "hal/addr.h"

struct domain;
struct dma_strategy;

/*
 * A window: bus addresses that one buffer has for itself, and is mapped in again and again. Its
 * tables are made when it is opened; map and unmap then neither allocate nor take a lock, but for
 * the unit's. One that is given up, unmapped, needs no close.
 */
struct iommu_window {
	struct domain *domain;
	iova_t iova;
	u32 npages; /* 0: not open */
	u64 *entry; /* of its first page, if they are all in one table; else NULL */
};

struct device {
	char name[16];    /* "00:04.0" */
	rid_t rid, alias; /* its own; and as the IOMMU sees it, through bridges */
	u8 twin, twins;   /* it is which of how many with that alias: they share a domain */
	u64 dma_mask;     /* highest bus address that the device can emit */

	/* Message-signalled interrupts: where the capability is in config space; 0 if none. */
	u16 msi_cap, msix_cap;
	u16 msi_count;            /* vectors of whichever is used */
	volatile u32 *msix_table; /* mapped; NULL if there is none, or if it is not ours */
	int msi_vector[32];       /* CPU vector bound to each, 0 = none */

	/* dma.c's, from dma_attach() to dma_detach(). */
	struct dma_client *client;
	struct domain *domain; /* NULL in direct mode */
	const struct dma_strategy *strategy;
};
