/* SPDX-License-Identifier: MIT */
/*
 * Text from numbers without a libc: the few conversions that reports need.
 *
 * Understood: %s %c %% %u %d %x, the length l (64 bits), width, '0' and '-' flags, '*' width, and
 * precision for %s. Anything else is a bug and prints as "%?".
 */
#ifndef SMPOKE_BENCH_FORMAT_H
#define SMPOKE_BENCH_FORMAT_H

#include <stdarg.h>

#include "types.h"

/* Return: length without the terminator; the text is cut, and always terminated, at @size. */
size_t format(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
size_t vformat(char *buf, size_t size, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));

/* error_name() - the word for an error code, with or without its minus sign */
const char *error_name(int error);

size_t text_len(const char *s);
bool text_equal(const char *a, const char *b);
bool text_starts(const char *s, const char *start); /* with @start */

/**
 * number_parse() - an unsigned decimal, or hexadecimal with 0x
 * Return: 0, -ERR_INVAL when it is not a number to the last character, -ERR_RANGE over 64 bits.
 */
int number_parse(u64 *ret, const char *s);

#endif
