/*
 * The guest's configuration space, through ports 0xcf8 and 0xcfc. It shows the assigned devices
 * and nothing else. Command, BARs and messages are ours; what else the guest reads is the
 * device's own, and what else it writes goes nowhere.
 */
#include "hal/pciconf.h"
#include "vmm/assign.h"

/* The 32-bit register at `offset` as the guest sees it. */
static u32
read_config(struct assigned *d, unsigned offset)
{
	u32 v;

	if (offset >= CFG_BAR && offset < CFG_BAR_END)
		return d->bar[(offset - CFG_BAR) / 4].value;
	if (offset == CFG_ROM)
		return 0;
	if (offset == CFG_ID) /* a virtual function's own reads as ones */
		return (u32)d->pci->device << 16 | d->pci->vendor;
	v = pci_read(d->rid, offset, 4);
	if (offset == CFG_COMMAND)
		return (v & 0xffff0000) | d->command;
	/* Messages look turned off: the guest's HAL binds them by hypercall. */
	if (offset == d->pci->dev.msi_cap && offset)
		return v & ~BIT(16);
	if (offset == d->pci->dev.msix_cap && offset)
		return v & ~(BIT(31) | BIT(30));
	return v;
}

/* Writes the bytes of `v` that `mask` names. */
static void
write_config(struct assigned *d, unsigned offset, u32 v, u32 mask)
{
	if (offset == CFG_COMMAND) {
		assigned_set_command(d, (d->command & ~mask) | (v & mask));
	} else if (offset >= CFG_BAR && offset < CFG_BAR_END) {
		unsigned i = (offset - CFG_BAR) / 4;
		assigned_set_bar(d, i, (d->bar[i].value & ~mask) | (v & mask));
	}
}

/* The device that port 0xcf8 selects, NULL if none; *offset of the register. vm->lock held. */
static struct assigned *
selected(struct vm *vm, unsigned *offset)
{
	*offset = vm->pci_select & 0xfc;
	return vm->pci_select & BIT(31) ? assigned_at(vm, vm->pci_select >> 8 & 0xffff) : NULL;
}

u32
vpci_in(struct vm *vm, u16 port, unsigned size)
{
	unsigned offset;
	struct assigned *d;
	u32 v = ~0u;

	spin_lock(&vm->lock);
	if (port == 0xcf8 && size == 4)
		v = vm->pci_select;
	else if (port >= 0xcfc && (d = selected(vm, &offset)))
		v = read_config(d, offset) >> 8 * (port & 3);
	spin_unlock(&vm->lock);
	return v;
}

void
vpci_out(struct vm *vm, u16 port, unsigned size, u32 v)
{
	unsigned offset, shift = 8 * (port & 3);
	struct assigned *d;

	spin_lock(&vm->lock);
	if (port == 0xcf8 && size == 4)
		vm->pci_select = v & 0x80fffffc;
	else if (port >= 0xcfc && (d = selected(vm, &offset)))
		write_config(
			d, offset, v << shift, (size == 4 ? ~0u : (u32)BIT(8 * size) - 1) << shift);
	spin_unlock(&vm->lock);
}
