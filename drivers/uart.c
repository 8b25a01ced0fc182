/* The serial port COM1: a 16550 (National Semiconductor PC16550D). First of all drivers. */
#include "hal/irq.h"
#include "kernel/console.h"
#include "kernel/lib.h"
#include "kernel/x86.h"

#define COM1       0x3f8
#define COM1_GSI   4
#define WAIT_LIMIT 100000 /* reads of the line status until a character is given up */

enum { DATA = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5, SCRATCH = 7 };
enum { LSR_READY = 1, LSR_EMPTY = 0x20 };

static void
uart_put(char c)
{
	for (int i = 0; i < WAIT_LIMIT && !(inb(COM1 + LSR) & LSR_EMPTY); i++)
		pause();
	outb(COM1 + DATA, c);
}

static void
uart_interrupt(void *arg)
{
	while (inb(COM1 + LSR) & LSR_READY)
		console_input(inb(COM1 + DATA));
}

static bool present;

static void
uart_early(void)
{
	outb(COM1 + SCRATCH, 0x5a);
	present = inb(COM1 + SCRATCH) == 0x5a;
	if (!present)
		return;
	outb(COM1 + IER, 0);
	outb(COM1 + LCR, 0x80); /* divisor 1: 115200 baud */
	outb(COM1 + DATA, 1);
	outb(COM1 + IER, 0);
	outb(COM1 + LCR, 3); /* 8 bits, no parity */
	outb(COM1 + FCR, 7); /* FIFOs on and empty */
	outb(COM1 + MCR, 0x0b);
	console_add_output(uart_put);
}
INITCALL(INIT_CONSOLE, uart_early);

static void
uart_init(void)
{
	if (!present)
		return;
	if (irq_gsi(COM1_GSI, uart_interrupt, NULL, "uart")) {
		pr_warn("uart: no interrupt: what is typed on the serial line is not heard");
		return;
	}
	outb(COM1 + IER, 1); /* received data */
	uart_interrupt(NULL);
}
INITCALL(INIT_DEVICE, uart_init);
