/* A font for screens that have pixels and no characters: 5 by 8, drawn for this system. */
#ifndef DRIVERS_FONT_H
#define DRIVERS_FONT_H

#include "kernel/types.h"

#define FONT_WIDTH  5
#define FONT_HEIGHT 8

/* Characters 32 to 126: five columns each, left to right; bit 0 is the top row. */
extern const u8 font[95][FONT_WIDTH];

#endif
