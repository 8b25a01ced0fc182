/* The screen in EGA text mode: 80 columns, 25 lines at 0xb8000. */
#include "kernel/bootinfo.h"
#include "kernel/console.h"
#include "kernel/lib.h"
#include "kernel/mem.h"

#define COLUMNS 80
#define LINES   25
#define GREY    0x0700

static volatile u16 *cells;
static unsigned at; /* cell of the cursor */

static void
scroll(void)
{
	for (unsigned i = 0; i < COLUMNS * (LINES - 1); i++)
		cells[i] = cells[i + COLUMNS];
	for (unsigned i = 0; i < COLUMNS; i++)
		cells[COLUMNS * (LINES - 1) + i] = GREY | ' ';
	at -= COLUMNS;
}

static void
screen_put(char c)
{
	if (c == '\n')
		at += COLUMNS;
	else if (c == '\r')
		at -= at % COLUMNS;
	else if (c == '\b')
		at -= at > 0;
	else if (c >= ' ')
		cells[at++] = GREY | (u8)c;
	if (at >= COLUMNS * LINES)
		scroll();
}

static void
screen_init(void)
{
	/* Type 2 is EGA text. Without a word from the loader there is none that we can be sure of.
	 */
	if (bootinfo.screen.type != 2 || !(cells = map_device(0xb8000, 2 * COLUMNS * LINES)))
		return;
	for (unsigned i = 0; i < COLUMNS * LINES; i++)
		cells[i] = GREY | ' ';
	console_add_output(screen_put);
}
INITCALL(INIT_DEVICE, screen_init);
