/* SPDX-License-Identifier: MIT */
/*
 * Text built in a fixed buffer. What does not fit is cut off; the result always ends in NUL.
 */
#ifndef EFI_STRINGS_H
#define EFI_STRINGS_H

#include "types.h"

struct string {
	char *buf;
	size_t size; /* of buf; at least 1 */
	size_t len;
};

void string_init(struct string *s, char *buf, size_t size);
void string_char(struct string *s, char c);
void string_add(struct string *s, const char *text);
void string_dec(struct string *s, u64 value);
void string_hex(struct string *s, u64 value); /* with 0x, no leading zeros */
void string_hex_digits(struct string *s, u64 value, u32 digits); /* without 0x */

/* Bytes from a table: stops at NUL or @max, drops what is not printable ASCII, and outer blanks. */
void string_add_bytes(struct string *s, const void *bytes, size_t max);

/* UCS-2, ended by NUL or @max characters; what is not printable ASCII becomes '?'. */
void string_add_ucs2(struct string *s, const u16 *text, size_t max);

/* ASCII to UCS-2, '/' to '\'. Return: false when it does not fit. */
bool ucs2_path(u16 *ret, size_t max, const char *path);

size_t string_length(const char *text);

#endif
