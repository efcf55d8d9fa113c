/* SPDX-License-Identifier: MIT */
#include "strings.h"

static bool is_printable(u32 c)
{
	return c >= 0x20 && c < 0x7F;
}

void string_init(struct string *s, char *buf, size_t size)
{
	s->buf = buf;
	s->size = size;
	s->len = 0;
	buf[0] = '\0';
}

void string_char(struct string *s, char c)
{
	if (s->len + 1 >= s->size)
		return;
	s->buf[s->len++] = c;
	s->buf[s->len] = '\0';
}

void string_add(struct string *s, const char *text)
{
	while (*text)
		string_char(s, *text++);
}

void string_dec(struct string *s, u64 value)
{
	char digits[20];
	u32 n = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		string_char(s, digits[--n]);
}

void string_hex_digits(struct string *s, u64 value, u32 digits)
{
	while (digits--)
		string_char(s, "0123456789abcdef"[value >> (4 * digits) & 15]);
}

void string_hex(struct string *s, u64 value)
{
	u32 digits = 1;

	while (digits < 16 && value >> (4 * digits))
		digits++;
	string_add(s, "0x");
	string_hex_digits(s, value, digits);
}

void string_add_bytes(struct string *s, const void *bytes, size_t max)
{
	const u8 *p = bytes;
	size_t n = 0;

	while (n < max && p[n])
		n++;
	while (n && p[n - 1] == ' ')
		n--;
	while (n && *p == ' ') {
		p++;
		n--;
	}
	for (; n; n--, p++) {
		if (is_printable(*p))
			string_char(s, (char)*p);
	}
}

void string_add_ucs2(struct string *s, const u16 *text, size_t max)
{
	for (; max && *text; max--, text++)
		string_char(s, is_printable(*text) ? (char)*text : '?');
}

bool ucs2_path(u16 *ret, size_t max, const char *path)
{
	size_t i;

	for (i = 0; path[i]; i++) {
		if (i + 1 >= max)
			return false;
		ret[i] = path[i] == '/' ? '\\' : (u8)path[i];
	}
	ret[i] = 0;
	return true;
}

size_t string_length(const char *text)
{
	size_t n = 0;

	while (text[n])
		n++;
	return n;
}
