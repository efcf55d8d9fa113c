/* SPDX-License-Identifier: MIT */
/*
 * The words and numbers side of format.h: lengths, comparison, parsing, names of errors.
 */
#include "format.h"

static const char *const error_names[NR_ERRORS] = {
	[0] = "ok",
	[ERR_INVAL] = "invalid",
	[ERR_NOMEM] = "no-memory",
	[ERR_RANGE] = "out-of-range",
	[ERR_NOENT] = "not-found",
	[ERR_EXIST] = "exists",
	[ERR_NOSPC] = "medium-full",
	[ERR_ROFS] = "read-only",
	[ERR_IO] = "io-error",
	[ERR_TIMEOUT] = "timeout",
	[ERR_FAULT] = "trap",
	[ERR_UNSUPPORTED] = "unsupported",
	[ERR_BUSY] = "busy",
	[ERR_PERM] = "wrong-context",
	[ERR_REFUSED] = "refused",
	[ERR_VERIFY] = "verify-failed",
	[ERR_STOPPED] = "stopped",
	[ERR_CORRUPT] = "corrupt",
};

const char *error_name(int error)
{
	/* Negated as unsigned: the smallest int has no positive twin. */
	u32 index = error < 0 ? 0 - (u32)error : (u32)error;

	if (index >= NR_ERRORS || !error_names[index])
		return "unknown";
	return error_names[index];
}

size_t text_len(const char *s)
{
	size_t len = 0;

	while (s[len])
		len++;
	return len;
}

bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

bool text_starts(const char *s, const char *start)
{
	while (*start && *s == *start) {
		s++;
		start++;
	}
	return !*start;
}

/* Return: 0 .. base - 1, or -1. */
static int digit_value(char c, u32 base)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (base == 16 && c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (base == 16 && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int number_parse(u64 *ret, const char *s)
{
	u32 base = 10;
	u64 value = 0;
	bool over = false;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	if (!*s)
		return -ERR_INVAL;
	/* To the end even when it is too big: "not a number" is the better message of the two. */
	for (; *s; s++) {
		int digit = digit_value(*s, base);

		if (digit < 0)
			return -ERR_INVAL;
		over |= __builtin_mul_overflow(value, base, &value);
		over |= __builtin_add_overflow(value, (u64)digit, &value);
	}
	if (over)
		return -ERR_RANGE;
	*ret = value;
	return 0;
}
