/* SPDX-License-Identifier: MIT */
/*
 * Pictures and codes on screens of a firmware of the test's own: of any size, with and without
 * graphics, with a text console that has half blocks or none.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "code.h"
#include "font.h"
#include "firmware.h"
#include "machine.h"
#include "machine_io.h"
#include "drawing.h"

typedef EFI_GRAPHICS_OUTPUT_BLT_PIXEL pixel;

struct firmware firmware;

/* How firmware behaves. */
static struct stand_in {
	bool has_graphics; /* a device; the console in front of all has the protocol in any case */
	EFI_STATUS blt, half_blocks;
	u32 columns;
	u32 alloc_fails_at; /* 0 = never */
	u32 nr_allocs, nr_live, depth;
	bool cursor;
	CHAR16 printed[128 * 128];
	u32 nr_printed;
} fw;

static int console, device;
static pixel *video;
static EFI_GRAPHICS_OUTPUT_PROTOCOL gop;
static EFI_GRAPHICS_OUTPUT_MODE_INFORMATION info;

static bool is_graphics(const EFI_GUID *guid)
{
	static const EFI_GUID graphics = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;

	return !memcmp(guid, &graphics, sizeof(graphics));
}

void firmware_enter_for(const char *call)
{
	assert_non_null(call);
	fw.depth++;
}

void firmware_leave(void)
{
	assert_true(fw.depth > 0);
	fw.depth--;
}

void *firmware_protocol(EFI_HANDLE handle, const EFI_GUID *guid)
{
	return handle == &console && is_graphics(guid) ? &gop : NULL;
}

void *firmware_locate(const EFI_GUID *guid)
{
	return is_graphics(guid) ? &gop : NULL;
}

void *machine_alloc(size_t bytes)
{
	if (++fw.nr_allocs == fw.alloc_fails_at)
		return NULL;
	fw.nr_live++;
	return calloc(1, bytes);
}

void machine_free(void *mem, size_t bytes)
{
	(void)bytes;
	fw.nr_live -= mem != NULL;
	free(mem);
}

static EFI_STATUS EFIAPI locate_handle(EFI_LOCATE_SEARCH_TYPE type, EFI_GUID *guid, VOID *key,
				       UINTN *bytes, EFI_HANDLE *handles)
{
	(void)type;
	(void)key;
	assert_true(is_graphics(guid) && fw.depth == 1);
	handles[0] = &console;
	handles[1] = &device;
	*bytes = (fw.has_graphics ? 2 : 1) * sizeof(handles[0]);
	return EFI_SUCCESS;
}

/* As the specification has it; what lies outside of the screen is an error. */
static EFI_STATUS EFIAPI blt(EFI_GRAPHICS_OUTPUT_PROTOCOL *this, pixel *buf,
			     EFI_GRAPHICS_OUTPUT_BLT_OPERATION operation, UINTN from_x,
			     UINTN from_y, UINTN to_x, UINTN to_y, UINTN width, UINTN height,
			     UINTN delta)
{
	bool reads = operation == EfiBltVideoToBltBuffer;
	size_t y = reads ? from_y : to_y;

	assert_true(this == &gop && fw.depth == 1 && !delta && !from_x && !to_x);
	assert_true(reads || operation == EfiBltBufferToVideo);
	assert_int_equal(width, info.HorizontalResolution);
	assert_true(y + height <= info.VerticalResolution && !(reads ? to_y : from_y));
	if (EFI_ERROR(fw.blt))
		return fw.blt;
	if (reads)
		memcpy(buf, video + y * width, width * height * sizeof(*buf));
	else
		memcpy(video + y * width, buf, width * height * sizeof(*buf));
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI enable_cursor(SIMPLE_TEXT_OUTPUT_INTERFACE *out, BOOLEAN on)
{
	(void)out;
	fw.cursor = on;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI test_string(SIMPLE_TEXT_OUTPUT_INTERFACE *out, CHAR16 *text)
{
	(void)out;
	assert_true(text[0] == 0x2580 && text[1] == 0x2584);
	return fw.half_blocks;
}

static EFI_STATUS EFIAPI query_mode(SIMPLE_TEXT_OUTPUT_INTERFACE *out, UINTN mode, UINTN *columns,
				    UINTN *rows)
{
	assert_int_equal(mode, out->Mode->Mode);
	*columns = fw.columns;
	*rows = 25;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI output_string(SIMPLE_TEXT_OUTPUT_INTERFACE *out, CHAR16 *text)
{
	(void)out;
	assert_int_equal(fw.depth, 1);
	for (; *text; text++)
		fw.printed[fw.nr_printed++] = *text;
	return EFI_SUCCESS;
}

/* A screen of that size, with text on it that must not be lost. */
static void screen(u32 width, u32 height)
{
	info.HorizontalResolution = width;
	info.VerticalResolution = height;
	info.PixelFormat = PixelBltOnly;
	video = realloc(video, (size_t)width * height * sizeof(*video));
	memset(video, 0x5a, (size_t)width * height * sizeof(*video));
}

static int set_up(void **state)
{
	static EFI_BOOT_SERVICES bs;
	static EFI_SYSTEM_TABLE st;
	static SIMPLE_TEXT_OUTPUT_INTERFACE out;
	static SIMPLE_TEXT_OUTPUT_MODE text_mode;
	static EFI_GRAPHICS_OUTPUT_PROTOCOL_MODE mode;

	(void)state;
	fw = (struct stand_in){ .has_graphics = true, .columns = 80, .cursor = true };
	bs.LocateHandle = locate_handle;
	out.EnableCursor = enable_cursor;
	out.TestString = test_string;
	out.QueryMode = query_mode;
	out.OutputString = output_string;
	out.Mode = &text_mode;
	mode.Info = &info;
	gop.Blt = blt;
	gop.Mode = &mode;
	st.ConOut = &out;
	st.ConsoleOutHandle = &console;
	firmware.bs = &bs;
	firmware.st = &st;
	screen(800, 600);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	machine_show_end();
	return fw.nr_live || fw.depth ? -1 : 0;
}

/* Ten pairs, of which the third has the longest bar. */
static struct machine_picture ten_rows(void)
{
	struct machine_picture picture = {
		.title = "a title",
		.lines = { "a CPU", "EMULATED" },
		.names = { "UP", "SMP" },
		.gain_name = "gain",
		.nr_rows = 10,
	};

	for (u32 i = 0; i < 10; i++) {
		picture.rows[i] = (struct picture_row){
			.label = "rwlock-write",
			.value = { 1000 + i, i == 2 ? 80000 : 7000 * (i + 1) },
			.text = { "1.00", "80000000.0" },
			.gain = "80.00",
		};
	}
	return picture;
}

static bool is_colour(pixel p, u8 red, u8 green, u8 blue)
{
	return p.Red == red && p.Green == green && p.Blue == blue;
}

struct bar {
	u32 x, y, length;
};

/* Of one colour, from top to bottom; rows of pixels without it are between them. */
static u32 find_bars(bool second, struct bar *bars, u32 max)
{
	struct bar above = { 0 };
	u32 nr = 0;

	for (u32 y = 0; y < info.VerticalResolution; y++) {
		struct bar here = { .y = y };

		for (u32 x = 0; x < info.HorizontalResolution; x++) {
			pixel p = video[(size_t)y * info.HorizontalResolution + x];

			if (second ? is_colour(p, 0xf0, 0x90, 0x40)
				   : is_colour(p, 0x4c, 0xc0, 0x70)) {
				here.x = here.length ? here.x : x;
				here.length++;
			}
		}
		if (here.length && (here.x != above.x || here.length != above.length) && nr < max)
			bars[nr++] = here;
		above = here;
	}
	return nr;
}

/* The last @want of them: before come the letters of the legend. */
static struct bar *last_bars(bool second, u32 want)
{
	static struct bar bars[64];
	u32 nr = find_bars(second, bars, ARRAY_SIZE(bars));

	assert_true(nr >= want);
	return bars + nr - want;
}

static void bars_are_as_long_as_their_figures_say_on_every_screen(void **state)
{
	static const u32 sizes[][2] = {
		{ 640, 480 },	{ 800, 600 },  { 1024, 768 },  { 1280, 800 },
		{ 1920, 1080 }, { 720, 1280 }, { 3840, 2160 },
	};
	struct machine_picture picture = ten_rows();

	(void)state;
	for (u32 s = 0; s < ARRAY_SIZE(sizes); s++) {
		const struct bar *bars;
		u32 longest;

		screen(sizes[s][0], sizes[s][1]);
		assert_true(machine_screen().draws);
		assert_int_equal(machine_show(&picture), 0);
		bars = last_bars(true, 10);
		longest = bars[2].length;
		assert_true(longest > sizes[s][0] / 4);
		for (u32 i = 0; i < 10; i++) {
			assert_int_equal(bars[i].x, bars[0].x);
			assert_int_equal(bars[i].length,
					 picture.rows[i].value[1] * longest / 80000);
			assert_true(bars[i].x + bars[i].length < sizes[s][0]);
		}
		bars = last_bars(false, 1);
		assert_int_equal(bars[0].length, 1009 * longest / 80000);
		machine_show_end();
	}
}

static void the_text_is_there_again_afterwards(void **state)
{
	struct machine_picture picture = ten_rows();
	size_t bytes = 800 * 600 * sizeof(pixel);
	pixel *before = malloc(bytes);

	(void)state;
	memcpy(before, video, bytes);
	assert_int_equal(machine_show(&picture), 0);
	assert_false(fw.cursor);
	assert_memory_not_equal(before, video, bytes);
	/* A second picture is not the text under the first. */
	assert_int_equal(machine_show(&picture), 0);
	machine_show_end();
	assert_memory_equal(before, video, bytes);
	assert_true(fw.cursor);
	machine_show_end();
	free(before);
}

static void where_it_cannot_be_drawn_the_text_stays(void **state)
{
	struct machine_picture picture = ten_rows();

	(void)state;
	for (u32 i = 1; i <= 3; i++) {
		fw.nr_allocs = 0;
		fw.alloc_fails_at = i;
		assert_int_equal(machine_show(&picture), -ERR_NOMEM);
		assert_int_equal(fw.nr_live, 0);
		assert_true(fw.cursor);
	}
	fw.alloc_fails_at = 0;
	fw.blt = EFI_DEVICE_ERROR;
	assert_int_equal(machine_show(&picture), -ERR_IO);
	assert_true(fw.cursor);
	for (u32 i = 0; i < 800 * 600; i++)
		assert_int_equal(video[i].Red, 0x5a);
}

/* Firmware's console has the protocol with no screen behind it, and takes pictures for nobody. */
static void a_console_without_a_screen_draws_nothing(void **state)
{
	struct machine_picture picture = ten_rows();

	(void)state;
	fw.has_graphics = false;
	fw.half_blocks = EFI_UNSUPPORTED;
	assert_false(machine_screen().draws);
	assert_int_equal(machine_screen().code_bytes, 0);
	picture.code = "text";
	assert_int_equal(machine_show(&picture), -ERR_UNSUPPORTED);
	fw.has_graphics = true;
	screen(320, 200);
	assert_false(machine_screen().draws);
	assert_int_equal(machine_show(&picture), -ERR_UNSUPPORTED);
	assert_int_equal(fw.nr_printed, 0);
}

/* Where the code's first module is, by the edge of its quiet zone; which is light all around. */
static void the_code_on_the_screen_is_that_of_its_text(void **state)
{
	static const u32 sizes[][2] = { { 640, 480 }, { 1280, 800 }, { 3840, 2160 } };
	struct machine_picture picture = ten_rows();
	char text[1300] = "";

	(void)state;
	for (u32 s = 0; s < ARRAY_SIZE(sizes); s++) {
		u32 width = sizes[s][0], right = width - 8 * drawing_scale(width, sizes[s][1]);
		u32 top = 0, left = 0, side, module;
		size_t capacity;

		screen(width, sizes[s][1]);
		capacity = machine_screen().code_bytes;
		assert_true(capacity >= 800 && capacity < sizeof(text));
		memset(text, 'x', capacity);
		text[capacity] = '\0';
		picture.code = text;
		assert_int_equal(machine_show(&picture), 0);
		side = code_make(text, drawing_code_side(width, sizes[s][1]));
		while (!is_colour(video[(size_t)top * width + right - 1], 255, 255, 255))
			top++;
		while (!is_colour(video[(size_t)top * width + left], 255, 255, 255))
			left++;
		module = (right - left) / (side + 8);
		assert_true(module >= 3 && left + module * (side + 8) == right);
		for (u32 y = 0; y < side; y++) {
			for (u32 x = 0; x < side; x++) {
				pixel p = video[(size_t)(top + (y + 4) * module + module / 2) *
							width +
						left + (x + 4) * module + module / 2];

				assert_int_equal(p.Red, code_is_dark(x, y) ? 0 : 255);
			}
		}
		for (u32 x = left; x < right; x++)
			assert_true(is_colour(video[(size_t)(top + 4 * module - 1) * width + x],
					      255, 255, 255));
		/* One letter more does not fit, and nothing of it is shown. */
		text[capacity] = 'x';
		text[capacity + 1] = '\0';
		machine_show_end();
		assert_int_equal(machine_show(&picture), -ERR_RANGE);
		assert_int_equal(video[0].Red, 0x5a);
	}
}

static void half_blocks_make_the_same_code(void **state)
{
	struct machine_picture picture = { .code = "smpoke1,some,lines\nof,text\n" };
	u32 side, columns, n = 0;

	(void)state;
	fw.has_graphics = false;
	assert_int_equal(machine_screen().code_bytes, 458);
	assert_int_equal(machine_show(&picture), 0);
	side = code_make(picture.code, 75);
	columns = side + 4;
	for (u32 y = 0; y < columns; y += 2) {
		for (u32 x = 0; x < columns; x++, n++) {
			u32 light = 0;

			for (u32 i = 0; i < 2; i++)
				if (x < 2 || y + i < 2 || x - 2 >= side || y + i - 2 >= side ||
				    !code_is_dark(x - 2, y + i - 2))
					light |= 1u << i;
			assert_int_equal(fw.printed[n], light == 0   ? ' '
							: light == 1 ? 0x2580
							: light == 2 ? 0x2584
								     : 0x2588);
		}
		assert_int_equal(fw.printed[n++], '\r');
		assert_int_equal(fw.printed[n++], '\n');
	}
	assert_int_equal(n, fw.nr_printed);
}

static void a_code_has_room_for_what_it_says_and_no_more(void **state)
{
	char text[1300];

	(void)state;
	assert_int_equal(code_capacity(20), 0);
	assert_int_equal(code_make("x", 20), 0);
	for (u32 side = 21; side <= CODE_MAX_SIDE + 8; side++) {
		size_t capacity = code_capacity(side);

		memset(text, 0xa5, sizeof(text));
		text[capacity] = '\0';
		assert_true(code_make(text, side) && code_make(text, side) <= side);
		text[capacity] = 'x';
		text[capacity + 1] = '\0';
		assert_int_equal(code_make(text, side), 0);
	}
}

static void every_letter_of_a_picture_is_in_the_font(void **state)
{
	static const char used[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789.,:;-+/()%=*@_'!?#";
	u32 box = 0;

	(void)state;
	for (u32 y = 0; y < FONT_HEIGHT; y++)
		for (u32 x = 0; x < FONT_WIDTH; x++)
			box += font_pixel('~', x, y);
	assert_int_equal(box, 20);
	for (const char *c = used; *c; c++) {
		for (const char *d = used; *d != *c; d++) {
			u32 differs = 0;

			for (u32 i = 0; i < FONT_WIDTH * FONT_HEIGHT; i++)
				differs += font_pixel(*c, i % 5, i / 5) !=
					   font_pixel(*d, i % 5, i / 5);
			assert_true(differs > 0);
		}
		box = 0;
		for (u32 i = 0; i < FONT_WIDTH * FONT_HEIGHT; i++)
			box += font_pixel(*c, i % 5, i / 5) != font_pixel('~', i % 5, i / 5);
		assert_true(box > 0);
	}
	for (u32 i = 0; i < FONT_WIDTH * FONT_HEIGHT; i++)
		assert_false(font_pixel(' ', i % 5, i / 5));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bars_are_as_long_as_their_figures_say_on_every_screen),
		TEST(the_text_is_there_again_afterwards),
		TEST(where_it_cannot_be_drawn_the_text_stays),
		TEST(a_console_without_a_screen_draws_nothing),
		TEST(the_code_on_the_screen_is_that_of_its_text),
		TEST(half_blocks_make_the_same_code),
		TEST(a_code_has_room_for_what_it_says_and_no_more),
		TEST(every_letter_of_a_picture_is_in_the_font),
	};

	return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
