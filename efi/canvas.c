/* SPDX-License-Identifier: MIT */
#include "canvas.h"

#include "font.h"
#include "mem.h"
#include "strings.h"

static u32 clip(u32 from, u32 length, u32 end)
{
	if (from >= end)
		return 0;
	return length < end - from ? length : end - from;
}

void canvas_fill(struct canvas *c, u32 x, u32 y, u32 width, u32 height, enum ink ink)
{
	width = clip(x, width, c->width);
	height = clip(y, height, c->height);
	for (u32 row = 0; row < height; row++)
		memset(c->pixels + (size_t)(y + row) * c->width + x, ink, width);
}

void canvas_text(struct canvas *c, u32 x, u32 y, const char *text, enum ink ink)
{
	u32 s = c->scale;

	for (; *text; text++, x += CANVAS_LETTER * s)
		for (u32 dy = 0; dy < FONT_HEIGHT; dy++)
			for (u32 dx = 0; dx < FONT_WIDTH; dx++)
				if (font_pixel(*text, dx, dy))
					canvas_fill(c, x + dx * s, y + dy * s, s, s, ink);
}

u32 canvas_text_width(const struct canvas *c, const char *text)
{
	return (u32)string_length(text) * CANVAS_LETTER * c->scale;
}
