/* SPDX-License-Identifier: MIT */
#include "machine_io.h"

#include "away.h"
#include "firmware.h"
#include "strings.h"

#define CHUNK_CHARS 256

static void print_ucs2(CHAR16 *text)
{
	SIMPLE_TEXT_OUTPUT_INTERFACE *out = firmware.st->ConOut;

	/* A board without a screen may have no console at all. */
	if (!out || !out->OutputString)
		return;
	firmware_enter();
	out->OutputString(out, text);
	firmware_leave();
}

void machine_print(const char *text)
{
	CHAR16 chunk[CHUNK_CHARS + 3];
	u32 n = 0;

	if (away_is_it()) {
		away_keep(NULL, text, string_length(text));
		return;
	}
	for (; *text; text++) {
		if (*text == '\n')
			chunk[n++] = '\r';
		chunk[n++] = (u8)*text;
		if (n >= CHUNK_CHARS) {
			chunk[n] = 0;
			print_ucs2(chunk);
			n = 0;
		}
	}
	chunk[n] = 0;
	if (n)
		print_ucs2(chunk);
}
