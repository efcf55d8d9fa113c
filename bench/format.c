/* SPDX-License-Identifier: MIT */
#include "format.h"

#define NUMBER_MAX_CHARS 20 /* 2^64 - 1 in decimal */

struct out {
	char *buf;
	size_t size, len;
	va_list args;
};

/* What stands between '%' and the letter. */
struct spec {
	bool left, zero, is_long, has_precision;
	size_t width, precision;
};

static void put(struct out *out, char c)
{
	if (out->len + 1 < out->size)
		out->buf[out->len++] = c;
}

static void put_text(struct out *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		put(out, text[i]);
}

static void put_repeated(struct out *out, char c, size_t n)
{
	while (n-- > 0)
		put(out, c);
}

static void put_padded(struct out *out, const struct spec *spec, const char *text, size_t len)
{
	size_t pad = spec->width > len ? spec->width - len : 0;

	if (!spec->left)
		put_repeated(out, ' ', pad);
	put_text(out, text, len);
	if (spec->left)
		put_repeated(out, ' ', pad);
}

static void put_number(struct out *out, const struct spec *spec, bool negative, u64 value, u32 base)
{
	char text[NUMBER_MAX_CHARS + 1];
	size_t at = sizeof(text), len;

	do {
		text[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);

	/* Zeros go between the sign and the digits, blanks go outside of both. */
	if (spec->zero && !spec->left) {
		len = sizeof(text) - at + negative;
		if (negative)
			put(out, '-');
		put_repeated(out, '0', spec->width > len ? spec->width - len : 0);
		put_text(out, text + at, sizeof(text) - at);
		return;
	}
	if (negative)
		text[--at] = '-';
	put_padded(out, spec, text + at, sizeof(text) - at);
}

static void put_signed(struct out *out, const struct spec *spec)
{
	s64 value = spec->is_long ? va_arg(out->args, s64) : va_arg(out->args, int);

	/* Negated as unsigned: -2^63 has no positive twin. */
	put_number(out, spec, value < 0, value < 0 ? 0 - (u64)value : (u64)value, 10);
}

static void put_unsigned(struct out *out, const struct spec *spec, u32 base)
{
	put_number(out, spec, false,
		   spec->is_long ? va_arg(out->args, u64) : va_arg(out->args, unsigned int), base);
}

static void put_string(struct out *out, const struct spec *spec)
{
	const char *text = va_arg(out->args, const char *);
	size_t len = 0;

	if (!text)
		text = "(null)";
	/* With a precision the text need not be terminated. */
	while ((!spec->has_precision || len < spec->precision) && text[len])
		len++;
	put_padded(out, spec, text, len);
}

static size_t take_digits(const char **fmt)
{
	size_t n = 0;

	for (; **fmt >= '0' && **fmt <= '9'; (*fmt)++)
		n = n * 10 + (size_t)(**fmt - '0');
	return n;
}

static void take_width(struct spec *spec, const char **fmt, struct out *out)
{
	s64 width;

	if (**fmt != '*') {
		spec->width = take_digits(fmt);
		return;
	}
	(*fmt)++;
	width = va_arg(out->args, int);
	if (width < 0)
		spec->left = true;
	spec->width = (size_t)(width < 0 ? -width : width);
}

static void take_precision(struct spec *spec, const char **fmt, struct out *out)
{
	int precision;

	if (**fmt != '.')
		return;
	(*fmt)++;
	if (**fmt != '*') {
		spec->has_precision = true;
		spec->precision = take_digits(fmt);
		return;
	}
	(*fmt)++;
	precision = va_arg(out->args, int);
	spec->has_precision = precision >= 0;
	spec->precision = precision >= 0 ? (size_t)precision : 0;
}

/* Return: false for a conversion that is not ours; no argument was taken for it. */
static bool convert(struct out *out, const struct spec *spec, char letter)
{
	char c;

	if (spec->has_precision && letter != 's')
		return false;
	switch (letter) {
	case '%':
		put(out, '%');
		return true;
	case 'c':
		c = (char)va_arg(out->args, int);
		put_padded(out, spec, &c, 1);
		return true;
	case 's':
		put_string(out, spec);
		return true;
	case 'u':
		put_unsigned(out, spec, 10);
		return true;
	case 'x':
		put_unsigned(out, spec, 16);
		return true;
	case 'd':
		put_signed(out, spec);
		return true;
	}
	return false;
}

static const char *take_spec(struct spec *spec, const char *fmt, struct out *out)
{
	*spec = (struct spec){ 0 };
	for (; *fmt == '-' || *fmt == '0'; fmt++) {
		if (*fmt == '-')
			spec->left = true;
		else
			spec->zero = true;
	}
	take_width(spec, &fmt, out);
	take_precision(spec, &fmt, out);
	if (*fmt == 'l') {
		spec->is_long = true;
		fmt++;
	}
	return fmt;
}

size_t vformat(char *buf, size_t size, const char *fmt, va_list args)
{
	struct out out = { .buf = buf, .size = size };
	struct spec spec;

	if (size == 0)
		return 0;
	va_copy(out.args, args);
	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&out, *fmt);
			continue;
		}
		fmt = take_spec(&spec, fmt + 1, &out);
		if (!convert(&out, &spec, *fmt)) {
			/* The arguments are out of step from here on: none is touched any more. */
			put_text(&out, "%?", 2);
			put_text(&out, fmt, text_len(fmt));
			break;
		}
	}
	va_end(out.args);
	buf[out.len] = '\0';
	return out.len;
}

size_t format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;
	size_t len;

	va_start(args, fmt);
	len = vformat(buf, size, fmt, args);
	va_end(args);
	return len;
}
