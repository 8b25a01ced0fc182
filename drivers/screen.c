/*
 * The screen, as the boot loader left it: EGA text, 80 by 25 cells at 0xb8000, or a frame of
 * pixels into which the cells are painted. Which cells stand on it is kept here, so that a scroll
 * paints only what changes and never reads the screen.
 */
#include "kernel/bootinfo.h"
#include "kernel/console.h"
#include "kernel/lib.h"
#include "kernel/mem.h"
#include "lib/font.h"

#define EGA_TEXT    0xb8000
#define EGA_GREY    0x0700
#define GREY        0xc0
#define MAX_COLUMNS 160
#define MAX_ROWS    64
#define CELL_WIDTH  (FONT_WIDTH + 1)
#define CELL_HEIGHT (FONT_HEIGHT + 2)

static struct {
	volatile u16 *ega; /* EGA text; NULL: pixels */
	volatile u8 *pixels;
	unsigned bytes; /* of a pixel: 3 or 4 */
	unsigned zoom;  /* pixels of a dot, each way */
	unsigned columns, rows, x, y;
	char cell[MAX_ROWS][MAX_COLUMNS];
} screen;

static void
paint(unsigned x, unsigned y)
{
	unsigned c = (u8)screen.cell[y][x], zoom = screen.zoom;
	const u8 *glyph = font[c < 32 || c > 126 ? 0 : c - 32];

	if (screen.ega) {
		screen.ega[y * screen.columns + x] = EGA_GREY | c;
		return;
	}
	for (unsigned row = 0; row < CELL_HEIGHT * zoom; row++) {
		volatile u8 *at = screen.pixels +
				  (u64)(y * CELL_HEIGHT * zoom + row) * bootinfo.screen.pitch +
				  (u64)x * CELL_WIDTH * zoom * screen.bytes;
		for (unsigned col = 0; col < CELL_WIDTH * zoom; col++, at += screen.bytes) {
			bool dot = row / zoom < FONT_HEIGHT && col / zoom < FONT_WIDTH &&
				   (glyph[col / zoom] >> row / zoom & 1);
			at[0] = at[1] = at[2] = dot ? GREY : 0; /* whatever the order of colours */
		}
	}
}

static void
set(unsigned x, unsigned y, char c)
{
	if (screen.cell[y][x] == c)
		return;
	screen.cell[y][x] = c;
	paint(x, y);
}

/* Everything one line up. */
static void
scroll(void)
{
	for (unsigned y = 0; y < screen.rows; y++)
		for (unsigned x = 0; x < screen.columns; x++)
			set(x, y, y + 1 < screen.rows ? screen.cell[y + 1][x] : ' ');
	screen.y--;
}

static void
screen_put(char c)
{
	if (c == '\n')
		screen.y++;
	else if (c == '\r')
		screen.x = 0;
	else if (c == '\b')
		screen.x -= screen.x > 0;
	else if (c >= ' ')
		set(screen.x++, screen.y, c);
	if (screen.x == screen.columns) {
		screen.x = 0;
		screen.y++;
	}
	if (screen.y == screen.rows)
		scroll();
}

/* Maps what the loader told of; false if that was nothing that we can use. */
static bool
find_screen(void)
{
	u32 width = bootinfo.screen.width, height = bootinfo.screen.height;

	if (bootinfo.screen.type == 2) { /* multiboot2 3.6.12: EGA text */
		screen.columns = 80;
		screen.rows = 25;
		screen.ega = map_device(EGA_TEXT, 80 * 25 * 2);
		return screen.ega;
	}
	screen.bytes = bootinfo.screen.bpp / 8;
	if (bootinfo.screen.type != 1 || screen.bytes < 3 || screen.bytes > 4 || width < 320 ||
		height < 200)
		return false;
	screen.zoom = width >= 960 ? 2 : 1;
	screen.columns = MIN(width / (CELL_WIDTH * screen.zoom), MAX_COLUMNS);
	screen.rows = MIN(height / (CELL_HEIGHT * screen.zoom), MAX_ROWS);
	screen.pixels = map_device(bootinfo.screen.addr, (u64)bootinfo.screen.pitch * height);
	return screen.pixels;
}

static void
screen_init(void)
{
	if (!find_screen()) {
		if (bootinfo.screen.bpp)
			pr_info("screen: type %u, %ux%u, %u bits: not used", bootinfo.screen.type,
				bootinfo.screen.width, bootinfo.screen.height, bootinfo.screen.bpp);
		return;
	}
	for (unsigned y = 0; y < screen.rows; y++)
		for (unsigned x = 0; x < screen.columns; x++)
			set(x, y, ' ');
	console_add_output(screen_put);
}
INITCALL(INIT_DEVICE, screen_init);
