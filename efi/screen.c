/* SPDX-License-Identifier: MIT */
/*
 * Pictures on a screen of firmware's, by the one way that every screen has: Blt. Where there is
 * none, a code is put together of half blocks, if the console has those.
 */
#include "machine_io.h"

#include "canvas.h"
#include "code.h"
#include "devices.h"
#include "firmware.h"
#include "machine.h"
#include "drawing.h"

#define BAND_ROWS 32 /* of pixels that go to the screen at a time */
#define TEXT_QUIET_ZONE 2 /* modules: there is not more room, and around it all is dark */
#define MAX_COLUMNS 128
#define UPPER_HALF 0x2580
#define LOWER_HALF 0x2584

typedef EFI_GRAPHICS_OUTPUT_BLT_PIXEL pixel;

static const pixel colours[NR_INKS] = {
	[INK_PAPER] = { .Red = 0x10, .Green = 0x14, .Blue = 0x1c },
	[INK_TEXT] = { .Red = 0xf0, .Green = 0xf0, .Blue = 0xf0 },
	[INK_DIM] = { .Red = 0xb0, .Green = 0xb4, .Blue = 0xbc },
	[INK_FIRST] = { .Red = 0x4c, .Green = 0xc0, .Blue = 0x70 },
	[INK_SECOND] = { .Red = 0xf0, .Green = 0x90, .Blue = 0x40 },
	[INK_LIGHT] = { .Red = 0xff, .Green = 0xff, .Blue = 0xff },
	[INK_DARK] = { .Red = 0, .Green = 0, .Blue = 0 },
};

/* The text under the picture; NULL while there is none. */
static pixel *text_below;
static u32 width, height; /* of the screen when it was drawn */

/* Firmware's console hands a picture on to every screen; where it does not, one screen has it. */
static EFI_GRAPHICS_OUTPUT_PROTOCOL *graphics(void)
{
	static const EFI_GUID guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_HANDLE front = firmware.st->ConsoleOutHandle;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;

	if (!device_exists(&guid, front))
		return NULL;
	gop = firmware_protocol(front, &guid);
	if (!gop)
		gop = firmware_locate(&guid);
	if (!gop || !gop->Blt || !gop->Mode || !gop->Mode->Info ||
	    gop->Mode->Info->HorizontalResolution < DRAWING_MIN_WIDTH ||
	    gop->Mode->Info->VerticalResolution < DRAWING_MIN_HEIGHT)
		return NULL;
	return gop;
}

static EFI_STATUS blt(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, pixel *pixels,
		      EFI_GRAPHICS_OUTPUT_BLT_OPERATION operation, u32 y, u32 nr_rows)
{
	bool reads = operation == EfiBltVideoToBltBuffer;
	EFI_STATUS status;

	firmware_enter();
	status = gop->Blt(gop, pixels, operation, 0, reads ? y : 0, 0, reads ? 0 : y, width,
			  nr_rows, 0);
	firmware_leave();
	return status;
}

/* A cursor would be drawn into the picture. */
static void show_cursor(bool on)
{
	SIMPLE_TEXT_OUTPUT_INTERFACE *out = firmware.st->ConOut;

	if (!out || !out->EnableCursor)
		return;
	firmware_enter();
	out->EnableCursor(out, on);
	firmware_leave();
}

static size_t screen_bytes(void)
{
	return (size_t)width * height * sizeof(*text_below);
}

static EFI_STATUS show_canvas(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, const struct canvas *c,
			      pixel *band)
{
	EFI_STATUS status = EFI_SUCCESS;
	u32 y, nr_rows;

	for (y = 0; y < height && !EFI_ERROR(status); y += nr_rows) {
		nr_rows = height - y < BAND_ROWS ? height - y : BAND_ROWS;
		for (size_t i = 0; i < (size_t)nr_rows * width; i++)
			band[i] = colours[c->pixels[(size_t)y * width + i]];
		status = blt(gop, band, EfiBltBufferToVideo, y, nr_rows);
	}
	return status;
}

static void forget_text_below(void)
{
	show_cursor(true);
	machine_free(text_below, screen_bytes());
	text_below = NULL;
}

/* Return: 0 when the text on the screen is kept, and the picture in its place. */
static int replace_text(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, const struct canvas *c, pixel *band)
{
	text_below = machine_alloc(screen_bytes());
	if (!text_below)
		return -ERR_NOMEM;
	show_cursor(false);
	if (EFI_ERROR(blt(gop, text_below, EfiBltVideoToBltBuffer, 0, height))) {
		forget_text_below();
		return -ERR_IO;
	}
	if (EFI_ERROR(show_canvas(gop, c, band))) {
		machine_show_end();
		return -ERR_IO;
	}
	return 0;
}

static int draw(EFI_GRAPHICS_OUTPUT_PROTOCOL *gop, const struct machine_picture *picture, u32 side)
{
	size_t band_bytes = BAND_ROWS * width * sizeof(pixel);
	struct canvas c = {
		.pixels = machine_alloc((size_t)width * height),
		.width = width,
		.height = height,
		.scale = drawing_scale(width, height),
	};
	pixel *band = machine_alloc(band_bytes);
	int rc = -ERR_NOMEM;

	if (c.pixels && band) {
		drawing_make(&c, picture, side);
		rc = replace_text(gop, &c, band);
	}
	machine_free(band, band_bytes);
	machine_free(c.pixels, (size_t)width * height);
	return rc;
}

void machine_show_end(void)
{
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = graphics();

	if (!text_below)
		return;
	if (gop)
		blt(gop, text_below, EfiBltBufferToVideo, 0, height);
	forget_text_below();
}

/* ---- A code of characters ---- */

/* Return: the columns of the console, the last one not counted: some go on in the next line there.
 */
static u32 text_columns(void)
{
	static CHAR16 halves[] = { UPPER_HALF, LOWER_HALF, ' ', 0 };
	SIMPLE_TEXT_OUTPUT_INTERFACE *out = firmware.st->ConOut;
	UINTN columns = 0, rows = 0;
	EFI_STATUS status;

	if (!out || !out->TestString || !out->QueryMode || !out->Mode)
		return 0;
	firmware_enter();
	status = out->TestString(out, halves);
	if (status == EFI_SUCCESS)
		status = out->QueryMode(out, (UINTN)out->Mode->Mode, &columns, &rows);
	firmware_leave();
	if (status != EFI_SUCCESS || columns <= 1)
		return 0;
	return columns <= MAX_COLUMNS ? (u32)columns - 1 : MAX_COLUMNS - 1;
}

static u32 text_code_side(void)
{
	u32 columns = text_columns();

	return columns < 2 * TEXT_QUIET_ZONE ? 0 : columns - 2 * TEXT_QUIET_ZONE;
}

/* Two modules of a column as one character; light is what is printed. */
static CHAR16 half_blocks(u32 side, u32 x, u32 y)
{
	static const CHAR16 by_light[4] = { ' ', UPPER_HALF, LOWER_HALF, 0x2588 };
	u32 light = 0;

	for (u32 i = 0; i < 2; i++) {
		u32 column = x - TEXT_QUIET_ZONE, row = y + i - TEXT_QUIET_ZONE;
		bool inside = column < side && row < side;

		light |= (u32)(!inside || !code_is_dark(column, row)) << i;
	}
	return by_light[light];
}

static int print_code(const char *text)
{
	SIMPLE_TEXT_OUTPUT_INTERFACE *out = firmware.st->ConOut;
	u32 side = code_make(text, text_code_side());
	CHAR16 line[MAX_COLUMNS + 3];
	u32 n;

	if (!side)
		return -ERR_RANGE;
	firmware_enter();
	for (u32 y = 0; y < side + 2 * TEXT_QUIET_ZONE; y += 2) {
		for (n = 0; n < side + 2 * TEXT_QUIET_ZONE; n++)
			line[n] = half_blocks(side, n, y);
		line[n++] = '\r';
		line[n++] = '\n';
		line[n] = 0;
		out->OutputString(out, line);
	}
	firmware_leave();
	return 0;
}

/* ---- Either ---- */

struct machine_screen machine_screen(void)
{
	const EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = graphics();
	struct machine_screen ret = { .draws = gop != NULL };

	if (gop)
		ret.code_bytes =
			code_capacity(drawing_code_side(gop->Mode->Info->HorizontalResolution,
							gop->Mode->Info->VerticalResolution));
	else
		ret.code_bytes = code_capacity(text_code_side());
	return ret;
}

int machine_show(const struct machine_picture *picture)
{
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop = graphics();
	u32 side = 0;

	if (!gop)
		return picture->code && text_columns() ? print_code(picture->code)
						       : -ERR_UNSUPPORTED;
	if (text_below)
		machine_show_end();
	width = gop->Mode->Info->HorizontalResolution;
	height = gop->Mode->Info->VerticalResolution;
	if (picture->code)
		side = code_make(picture->code, drawing_code_side(width, height));
	if (picture->code && !side)
		return -ERR_RANGE;
	return draw(gop, picture, side);
}
