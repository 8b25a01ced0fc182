/* The guest's COM1: enough of a 16550: it interrupts when a character comes. Lines go to the host's
 * console. */
#include "hal/timer.h"
#include "kernel/console.h"
#include "kernel/proc.h"
#include "vmm/vm.h"

#define LINES_PER_SECOND 1000

enum { DATA = 0, IER = 1, LCR = 3, LSR = 5 };

/* Puts a character into the log. When that is full its older half goes. vm->lock held. */
static void
log_char(struct vm *vm, char c)
{
	if (vm->log_len == VM_LOG_SIZE) {
		vm->log_len -= VM_LOG_SIZE / 2;
		memmove(vm->log, vm->log + VM_LOG_SIZE / 2, vm->log_len);
	}
	vm->log[vm->log_len++] = c;
	vm->logged++;
}

/* What the host's console shows of a line. */
struct shown {
	char text[sizeof(((struct vm *)0)->line) + sizeof(((struct vm *)0)->name) + 8];
	int n;
};

/*
 * A line is finished: for the host's console, unless somebody is at the VM's. That is slow, and
 * everybody's: so the caller writes it without the lock, and a guest that floods it is cut short.
 * vm->lock held.
 */
static void
take_line(struct vm *vm, struct shown *s)
{
	u64 second = timer_ns() / 1000000000;

	vm->line[vm->line_len] = 0;
	vm->line_len = 0;
	if (vm->attached)
		return;
	vm->lines = second == vm->line_second ? vm->lines + 1 : 1;
	vm->line_second = second;
	if (vm->lines <= LINES_PER_SECOND + 1)
		s->n = snprintf(s->text, sizeof(s->text), "%s| %s\n", vm->name,
			vm->lines <= LINES_PER_SECOND ? vm->line : "(more than is shown)");
}

bool
vuart_type(struct vm *vm, char c)
{
	if (vm->input_written - vm->input_read == sizeof(vm->input))
		return false;
	vm->input[vm->input_written++ % sizeof(vm->input)] = c;
	if (vm->uart[IER] & 1)
		vm_interrupt(vm, HC_GSI_UART);
	return true;
}

u32
vuart_in(struct vm *vm, unsigned reg)
{
	u32 value;

	spin_lock(&vm->lock);
	value = vm->uart[reg];
	if (reg == DATA && !(vm->uart[LCR] & 0x80))
		value = vm->input_read != vm->input_written
				? (u8)vm->input[vm->input_read++ % sizeof(vm->input)]
				: 0;
	else if (reg == LSR) /* transmitter empty; a character is there */
		value = 0x60 | (vm->input_read != vm->input_written);
	spin_unlock(&vm->lock);
	return value;
}

void
vuart_out(struct vm *vm, unsigned reg, u8 v)
{
	struct shown line;
	bool wake = false;

	line.n = 0;
	spin_lock(&vm->lock);
	if (reg != DATA || vm->uart[LCR] & 0x80) {
		if (reg != LSR)
			vm->uart[reg] = v;
	} else {
		if (v == '\n' || vm->line_len == sizeof(vm->line) - 1) {
			take_line(vm, &line);
			wake = true;
		}
		/* no escape sequences for the host's terminal */
		if ((v >= ' ' && v < 0x7f) || v == '\t')
			vm->line[vm->line_len++] = v;
		if ((v >= ' ' && v < 0x7f) || (v >= '\b' && v <= '\n')) /* and the log's readers */
			log_char(vm, v);
		wake |= vm->attached;
	}
	spin_unlock(&vm->lock);
	if (line.n)
		console_write(line.text, line.n);
	if (wake)
		wakeup(vm); /* somebody may wait for this text */
}

void
vuart_flush(struct vm *vm)
{
	struct shown line;

	line.n = 0;
	spin_lock(&vm->lock);
	if (vm->line_len)
		take_line(vm, &line);
	spin_unlock(&vm->lock);
	if (line.n)
		console_write(line.text, line.n);
}
