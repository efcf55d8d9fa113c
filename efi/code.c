/* SPDX-License-Identifier: MIT */
#include "code.h"

#include <qrcodegen.h>

#include "strings.h"

#define MAX_VERSION 25

static u8 code[qrcodegen_BUFFER_LEN_FOR_VERSION(MAX_VERSION)];
static u8 scratch[qrcodegen_BUFFER_LEN_FOR_VERSION(MAX_VERSION)];

/* The highest version that fits: a side has 17 modules and 4 for each. */
static u32 version_for(u32 max_side)
{
	u32 version = max_side < 21 ? 0 : (max_side - 17) / 4;

	return version < MAX_VERSION ? version : MAX_VERSION;
}

size_t code_capacity(u32 max_side)
{
	/* Bytes at the lowest level of error correction (ISO 18004, table 7). */
	static const u16 bytes[MAX_VERSION + 1] = {
		0,   17,  32,  53,  78,	 106, 134, 154, 192, 230,  271,	 321,  367,
		425, 458, 520, 586, 644, 718, 792, 858, 929, 1003, 1091, 1171, 1273,
	};

	return bytes[version_for(max_side)];
}

u32 code_make(const char *text, u32 max_side)
{
	size_t len = string_length(text);
	u32 version = version_for(max_side);

	if (!version || len > code_capacity(max_side))
		return 0;
	for (size_t i = 0; i < len; i++)
		scratch[i] = (u8)text[i];
	if (!qrcodegen_encodeBinary(scratch, len, code, qrcodegen_Ecc_LOW, 1, (int)version,
				    qrcodegen_Mask_AUTO, true))
		return 0;
	return (u32)qrcodegen_getSize(code);
}

bool code_is_dark(u32 x, u32 y)
{
	return qrcodegen_getModule(code, (int)x, (int)y);
}
