/* The guest's COM1: enough of a 16550 for a polling driver. Lines go to the host's console. */
#include "hal/timer.h"
#include "kernel/console.h"
#include "kernel/proc.h"
#include "vmm/vm.h"

#define LINES_PER_SECOND 1000

enum { DATA = 0, LCR = 3, LSR = 5 };

/* Puts a finished line on the host's console and into the log. vm->lock held. */
static void
put_line(struct vm *vm)
{
	char text[sizeof(vm->line) + sizeof(vm->name) + 8];
	u64 second = timer_ns() / 1000000000;
	int n;

	vm->line[vm->line_len] = 0;
	if (second != vm->line_second) {
		vm->line_second = second;
		vm->lines = 0;
	}
	/* The host's console is slow and everybody's: a guest that floods it is cut short. */
	if (++vm->lines <= LINES_PER_SECOND) {
		n = snprintf(text, sizeof(text), "%s| %s\n", vm->name, vm->line);
		console_write(text, n);
	} else if (vm->lines == LINES_PER_SECOND + 1) {
		pr_warn("vm %s: prints too much: not all of it is shown", vm->name);
	}
	/* When the log is full its older half goes. */
	if (vm->log_len + vm->line_len + 2 > VM_LOG_SIZE) {
		vm->log_len -= VM_LOG_SIZE / 2;
		memmove(vm->log, vm->log + VM_LOG_SIZE / 2, vm->log_len);
	}
	memcpy(vm->log + vm->log_len, vm->line, vm->line_len);
	vm->log_len += vm->line_len;
	vm->log[vm->log_len++] = '\n';
	vm->log[vm->log_len] = 0;
	vm->line_len = 0;
}

u32
vuart_in(struct vm *vm, unsigned reg)
{
	u32 value = vm->uart[reg];

	spin_lock(&vm->lock);
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
	bool line = false;

	if (reg != DATA || vm->uart[LCR] & 0x80) {
		if (reg != LSR)
			vm->uart[reg] = v;
		return;
	}
	spin_lock(&vm->lock);
	if (v == '\n' || vm->line_len == sizeof(vm->line) - 1) {
		put_line(vm);
		line = true;
	}
	if ((v >= ' ' && v < 0x7f) || v == '\t') /* no escape sequences for the host's terminal */
		vm->line[vm->line_len++] = v;
	spin_unlock(&vm->lock);
	if (line)
		wakeup(vm); /* somebody may wait for this text */
}

void
vuart_flush(struct vm *vm)
{
	spin_lock(&vm->lock);
	if (vm->line_len)
		put_line(vm);
	spin_unlock(&vm->lock);
}
