/*
 * A virtual machine: memory, vCPUs (a kernel thread each), devices, and what became of it.
 *
 * Locks: `control` (control.c, a mutex) serialises vmctl's commands; vm->lock guards what vCPUs,
 * hypercalls and interrupts share; v->lock one vCPU's. Their order is in hal/iommu.h.
 */
#pragma once

#include "hal/addr.h"
#include "hal/hypercall.h"
#include "hal/iommu.h"
#include "hal/pt.h"
#include "kernel/lib.h"
#include "kernel/spinlock.h"
#include "vmm/vcpu.h"

#define VM_MIN_MIB     16
#define VM_MAX_MIB     2048
#define VM_MAX_CPUS    8
#define VM_GSIS        16
#define VM_ROM_START   0x9f000UL /* GPA: no RAM, as on a PC; firmware's tables are in it */
#define VM_ROM_END     0x100000UL
#define VM_MMIO_START  0xc0000000UL /* GPA: device BARs, up to the APICs */
#define VM_MMIO_END    0xfec00000UL
#define VM_PM1_EVENT   0x600 /* ports, in our FADT */
#define VM_PM1_CONTROL 0x604
#define VM_PWRBTN      BIT(8) /* ACPI 4.8.3.1 */

enum vm_state { VM_CREATED, VM_RUNNING, VM_ENDED };

/* (c): control; (l): lock; else constant after creation. */
struct vm {
	struct list link; /* (c) */
	u16 id;           /* marks its frames; not 0 */
	char name[16];
	u64 mem;        /* bytes */
	u64 tsc_offset; /* the guest's TSC, less the host's */
	char kernel[64], root[64], cmdline[768];
	struct spinlock lock;
	enum vm_state state; /* (l) */
	bool stop;           /* (l) somebody wants it to end */
	int status;          /* (l) once ENDED: of the guest's power-off, or -1 */
	char why[96];        /* (l) once ENDED: in words */
	int users;           /* (l) who sleeps in a command on this VM */
	unsigned running;    /* (l) vCPUs whose threads have not ended */
	struct pt npt;       /* (l) GPA to HPA */
	u64 touched;         /* (l) pages that have a frame */
	u64 moved, stayed; /* (l) pages: put into other frames; pinned when they should have been */
	u32 move_ms;       /* (c) the mover's pause; 0: it is to end */
	bool mover;        /* (c) to set, (l) to clear: it runs */
	struct vcpu *vcpu[VM_MAX_CPUS];
	unsigned ncpus;
	struct list devices; /* struct assigned; (c) and (l) to change, either to read */
	void *hole;          /* (l) a page of ones, where devices were; NULL: none has gone */

	char *log;      /* (l) what its console printed */
	size_t log_len; /* (l) */
	u64 logged;     /* (l) characters, ever */
	bool attached;  /* (l) somebody is at its console */
	char line[128]; /* (l) the console's unfinished line */
	unsigned line_len;
	u64 line_second; /* (l) lines printed in this second */
	unsigned lines;
	char input[64]; /* (l) typed, not yet read */
	unsigned input_read, input_written;
	u32 pci_select; /* (l) port 0xcf8 */
	u8 uart[8];     /* (l) register file of the virtual UART */

	struct hc_fault faults[16]; /* (l) */
	unsigned fault_read, fault_written, faults_lost;

	gpa_t trace;      /* (l) its trace rings */
	unsigned ntraces; /* (l) how many; 0: it has offered none */
	u16 pm1_status;   /* atomic: ACPI's fixed events */
	struct {
		u8 vector; /* 0: the guest does not want to know */
		struct vcpu *vcpu;
	} gsi[VM_GSIS];     /* (l) */
	struct inode *disk; /* its paravirtual disk; NULL: it has none */
	u64 disk_blocks;
	u64 hypercalls[HC_COUNT];
};

#define VM_LOG_SIZE 32768

/* A VM without memory, which it gets when it touches it. -ENOMEM; -ENOSPC: there are too many. */
int vm_create(const char *name, u64 mem, unsigned ncpus, struct vm **vm);
/* Frees all of it. It must not be running, and must have no devices. */
void vm_destroy(struct vm *vm);

/*
 * memory.c. Guest memory by GPA: false if any of it is not RAM of the VM, or there is no memory for
 * what it touches first. vm->lock held.
 */
bool vm_write(struct vm *vm, gpa_t gpa, const void *src, size_t n);
bool vm_read(struct vm *vm, gpa_t gpa, void *dst, size_t n);
/* The frame behind a GPA; gives it one. */
bool vm_touch(struct vm *vm, gpa_t gpa);
bool vm_hpa(struct vm *vm, gpa_t gpa, hpa_t *hpa);
/* The end of all of it. No vCPU runs. */
void vm_free_memory(struct vm *vm);
/*
 * Puts up to n pages (or fewer: see there) from *at on, before `end`, into other frames, but for
 * those that are pinned; *at is then where to go on. How many, or -ENOMEM.
 */
int vm_move(struct vm *vm, gpa_t *at, u64 end, unsigned n);
/* Has that done to all pages, some every `ms` milliseconds; 0: no more. -ENOMEM. control held. */
int vm_move_every(struct vm *vm, u32 ms);

/* Starts the threads of all vCPUs. -ENOMEM: it ends at once. control held. */
int vm_start(struct vm *vm);
/* Tells all vCPUs to leave; the first who says so says why. It is ENDED once all have. -1. */
int vm_end(struct vm *vm, int status, const char *fmt, ...) PRINTF(3, 4);
/* A global interrupt; false if the guest has not bound it. vm->lock held. */
bool vm_interrupt(struct vm *vm, unsigned gsi);
/* The threads of n vCPUs have ended. */
void vm_left(struct vm *vm, unsigned n);

/*
 * On return no vCPU uses a translation of the nested table that was removed before: each has left
 * the guest since, and forgets before it enters again. Before what was mapped is freed or reused.
 */
void vm_flush(struct vm *vm);

/* loader.c: image, root and boot information as GRUB would leave them. Else what is wrong. */
const char *vm_load(struct vm *vm);

/* vuart.c: a 16550; its lines go to the host's console behind the VM's name. */
u32 vuart_in(struct vm *vm, unsigned reg);
void vuart_out(struct vm *vm, unsigned reg, u8 v);
/* A character that is typed; false if there is no room. vm->lock held. */
bool vuart_type(struct vm *vm, char c);
/* The unfinished line as well. */
void vuart_flush(struct vm *vm);

/* vpci.c: ports 0xcf8 to 0xcff. */
u32 vpci_in(struct vm *vm, u16 port, unsigned size);
void vpci_out(struct vm *vm, u16 port, unsigned size, u32 v);

/* vdisk.c: its disk is the file at a path; else what is wrong. */
const char *vdisk_open(struct vm *vm, const char *path);
/* The disk hypercall. It sleeps: vm->lock not held. */
s64 vdisk_call(struct vm *vm, const u64 arg[4]);

/* hypercall.c: what goes into RAX; or the call is not over, and the guest makes it again. */
#define HYPERCALL_AGAIN (1L << 62)
s64 hypercall(struct vcpu *v, u64 number, const u64 arg[5]);
const char *hypercall_name(unsigned number);
