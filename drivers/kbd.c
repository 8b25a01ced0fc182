/*
 * The PS/2 keyboard behind an 8042: scan code set 1 (which the controller translates to), US
 * layout. A code with bit 7 is a release; 0xe0 comes before the codes of the keys that were added
 * later.
 */
#include "hal/irq.h"
#include "kernel/console.h"
#include "kernel/lib.h"
#include "kernel/x86.h"

#define PORT_DATA    0x60
#define PORT_STATUS  0x64
#define STATUS_FULL  1
#define KEYBOARD_GSI 1

enum {
	KEY_CTRL = 0x1d,
	KEY_LEFT_SHIFT = 0x2a,
	KEY_RIGHT_SHIFT = 0x36,
	KEY_CAPS = 0x3a,
	KEY_HOME = 0x47
};

/* By scan code, without and with shift; 0: no character. */
static const char plain[] =
	"\0\0331234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[] =
	"\0\033!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";
_Static_assert(sizeof(plain) == sizeof(shifted), "one place for each key");

/* The keys without a character, from scan code 0x47 on: what a terminal sends behind ESC [. */
static const char *const special[] = {
	"H", "A", NULL, NULL, "D", NULL, "C", NULL, "F", "B", NULL, NULL, "3~"};

static bool shift, ctrl, caps;

static void
key(u8 code)
{
	bool down = !(code & 0x80);
	char c;

	code &= 0x7f;
	if (code == KEY_LEFT_SHIFT || code == KEY_RIGHT_SHIFT)
		shift = down;
	else if (code == KEY_CTRL)
		ctrl = down;
	else if (code == KEY_CAPS && down)
		caps = !caps;
	if (down && code >= KEY_HOME && code < KEY_HOME + NELEM(special) &&
		special[code - KEY_HOME]) {
		console_input(033), console_input('[');
		for (const char *p = special[code - KEY_HOME]; *p; p++)
			console_input(*p);
	}
	if (!down || code >= sizeof(plain) - 1)
		return;
	c = shift ? shifted[code] : plain[code];
	if (caps && ((c | 32) >= 'a' && (c | 32) <= 'z'))
		c ^= 32;
	if (c)
		console_input(ctrl ? c & 0x1f : c);
}

static void
kbd_interrupt(void *arg)
{
	/* At most what the controller can have queued: a broken one must not hold the CPU. */
	for (int i = 0; i < 64 && inb(PORT_STATUS) & STATUS_FULL; i++) {
		u8 code = inb(PORT_DATA);
		if (code != 0xe0) /* cursor keys and the like come out as those of the number pad */
			key(code);
	}
}

static void
kbd_init(void)
{
	if (inb(PORT_STATUS) == 0xff || irq_gsi(KEYBOARD_GSI, kbd_interrupt, NULL, "keyboard"))
		return;      /* no controller, or no way to hear of keys */
	kbd_interrupt(NULL); /* what was typed at the boot loader */
}
INITCALL(INIT_DEVICE, kbd_init);
