/* SPDX-License-Identifier: MIT */
#include "drawing.h"

#include "code.h"

#define MARGIN 8
#define MIN_ROW (2 * CANVAS_LINE) /* two bars with a number each */
#define MAX_ROW 40
#define NUMBER 9 /* letters, with a space */
#define GAIN 8
#define QUIET_ZONE 4 /* modules around a code */
#define MIN_MODULE 3 /* pixels of one */

/* Where the bars go: from x to right, and from y to bottom. */
struct area {
	u32 x, y, right, bottom;
};

u32 drawing_scale(u32 width, u32 height)
{
	u32 across = width / 512, down = height / 384;
	u32 scale = across < down ? across : down;

	return scale ? scale : 1;
}

/* Half of the screen's width for a code with its quiet zone, and two thirds of its height. */
static u32 code_pixels(u32 width, u32 height)
{
	return width / 2 < height * 2 / 3 ? width / 2 : height * 2 / 3;
}

u32 drawing_code_side(u32 width, u32 height)
{
	u32 side = code_pixels(width, height) / MIN_MODULE - 2 * QUIET_ZONE;

	return side < CODE_MAX_SIDE ? side : CODE_MAX_SIDE;
}

static u32 draw_line(struct canvas *c, u32 y, const char *text, enum ink ink)
{
	if (!text[0])
		return y;
	canvas_text(c, MARGIN * c->scale, y, text, ink);
	return y + CANVAS_LINE * c->scale;
}

/* At the right edge. Return: where it begins. */
static u32 draw_code(struct canvas *c, u32 y, u32 side)
{
	u32 whole = side + 2 * QUIET_ZONE;
	u32 module = code_pixels(c->width, c->height) / whole;
	u32 left = c->width - MARGIN * c->scale - whole * module;

	canvas_fill(c, left, y, whole * module, whole * module, INK_LIGHT);
	for (u32 row = 0; row < side; row++)
		for (u32 column = 0; column < side; column++)
			if (code_is_dark(column, row))
				canvas_fill(c, left + (QUIET_ZONE + column) * module,
					    y + (QUIET_ZONE + row) * module, module, module,
					    INK_DARK);
	return left;
}

static u32 draw_legend(struct canvas *c, u32 y, const struct machine_picture *picture)
{
	u32 s = c->scale, x = MARGIN * s;

	for (u32 i = 0; i < 2; i++) {
		canvas_text(c, x, y, picture->names[i], INK_FIRST + i);
		x += canvas_text_width(c, picture->names[i]) + 2 * CANVAS_LETTER * s;
	}
	return y + CANVAS_LINE * s;
}

static u32 label_width(const struct canvas *c, const struct machine_picture *picture)
{
	u32 widest = 0;

	for (u32 i = 0; i < picture->nr_rows; i++) {
		u32 width = canvas_text_width(c, picture->rows[i].label);

		widest = width > widest ? width : widest;
	}
	return widest + CANVAS_LETTER * c->scale;
}

static u64 largest(const struct machine_picture *picture)
{
	u64 max = 1;

	for (u32 i = 0; i < picture->nr_rows; i++)
		for (u32 k = 0; k < 2; k++)
			if (picture->rows[i].value[k] > max)
				max = picture->rows[i].value[k];
	return max;
}

/* A bar is never longer than its share, and there is something of each. */
static u32 bar_length(u64 value, u64 max, u32 longest)
{
	u64 length;

	/* Small enough for the product. */
	for (; max > UINT64_MAX / UINT32_MAX; max /= 2)
		value /= 2;
	length = value * longest / max;
	return value && !length ? 1 : (u32)length;
}

static void draw_row(struct canvas *c, const struct picture_row *row, const struct area *area,
		     u32 row_height, u64 max)
{
	u32 s = c->scale, x = area->x, gain = area->right - GAIN * CANVAS_LETTER * s;
	u32 longest = gain - NUMBER * CANVAS_LETTER * s - x;
	u32 bar = (row_height - 2 * s) / 2;
	u32 letters = bar > 8 * s ? (bar - 8 * s) / 2 : 0;

	canvas_text(c, MARGIN * s, area->y + bar - 4 * s, row->label, INK_TEXT);
	canvas_text(c, gain + CANVAS_LETTER * s, area->y + bar - 4 * s, row->gain, INK_TEXT);
	for (u32 i = 0; i < 2; i++) {
		u32 y = area->y + i * bar, length = bar_length(row->value[i], max, longest);

		canvas_fill(c, x, y, length, bar - s, INK_FIRST + i);
		canvas_text(c, x + length + 3 * s, y + letters, row->text[i], INK_DIM);
	}
}

static void draw_bars(struct canvas *c, const struct machine_picture *picture, struct area area)
{
	u32 s = c->scale, nr = picture->nr_rows, height = area.bottom - area.y, row_height;
	u64 max = largest(picture);

	if (!nr)
		return;
	/* The most important stand first. */
	if (nr > height / (MIN_ROW * s))
		nr = height / (MIN_ROW * s);
	row_height = nr ? height / nr : 0;
	if (row_height > MAX_ROW * s)
		row_height = MAX_ROW * s;
	area.x = MARGIN * s + label_width(c, picture);
	for (u32 i = 0; i < nr; i++, area.y += row_height)
		draw_row(c, &picture->rows[i], &area, row_height, max);
}

void drawing_make(struct canvas *c, const struct machine_picture *picture, u32 code_side)
{
	u32 s = c->scale, y = MARGIN * s;
	struct area area = { .right = c->width, .bottom = c->height - MARGIN * s };

	y = draw_line(c, y, picture->title, INK_TEXT);
	for (u32 i = 0; i < ARRAY_SIZE(picture->lines); i++)
		y = draw_line(c, y, picture->lines[i], INK_DIM);
	if (code_side)
		area.right = draw_code(c, y, code_side);
	if (picture->nr_rows) {
		canvas_text(c, area.right - (GAIN - 1) * CANVAS_LETTER * s, y, picture->gain_name,
			    INK_DIM);
		y = draw_legend(c, y, picture);
	}
	area.y = y + CANVAS_LINE * s / 2;
	draw_bars(c, picture, area);
}
