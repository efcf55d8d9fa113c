/* SPDX-License-Identifier: MIT */
/*
 * A picture in memory, one byte a pixel, until it goes to the screen.
 */
#ifndef EFI_CANVAS_H
#define EFI_CANVAS_H

#include "types.h"

enum ink {
	INK_PAPER,
	INK_TEXT,
	INK_DIM,
	INK_FIRST, /* of two bars */
	INK_SECOND,
	INK_LIGHT, /* of a code */
	INK_DARK,
	NR_INKS,
};

struct canvas {
	u8 *pixels; /* enum ink, row by row */
	u32 width, height;
	u32 scale; /* of letters */
};

/* What a letter takes, with the space to the next one, and a line. */
#define CANVAS_LETTER 6
#define CANVAS_LINE 11

/* Outside of the canvas nothing is drawn. */
void canvas_fill(struct canvas *c, u32 x, u32 y, u32 width, u32 height, enum ink ink);
void canvas_text(struct canvas *c, u32 x, u32 y, const char *text, enum ink ink);

/* canvas_text_width() - of canvas_text() */
u32 canvas_text_width(const struct canvas *c, const char *text);

#endif
