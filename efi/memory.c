/* SPDX-License-Identifier: MIT */
/*
 * Nothing in here is patchable: patching itself copies with these. The names stand in parentheses
 * because mem.h makes macros of them.
 */
#include "mem.h"

#include "types.h"

/*
 * Without it gcc recognises these loops, and turns each function into a call of itself. To clang a
 * freestanding program has no such functions.
 */
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

/*
 * Unaligned, and may alias anything. What is left after whole words goes in the largest pieces,
 * too: each store to code costs the emulator microseconds, and a patch's tail is four bytes.
 */
typedef u64 __attribute__((aligned(1), may_alias)) any_u64;
typedef u32 __attribute__((aligned(1), may_alias)) any_u32;
typedef u16 __attribute__((aligned(1), may_alias)) any_u16;

static void copy_rest_up(u8 *d, const u8 *s, size_t n)
{
	if (n & 4) {
		*(any_u32 *)d = *(const any_u32 *)s;
		d += 4;
		s += 4;
	}
	if (n & 2) {
		*(any_u16 *)d = *(const any_u16 *)s;
		d += 2;
		s += 2;
	}
	if (n & 1)
		*d = *s;
}

static void copy_up(u8 *d, const u8 *s, size_t n)
{
	for (; n >= 8; n -= 8, d += 8, s += 8)
		*(any_u64 *)d = *(const any_u64 *)s;
	copy_rest_up(d, s, n);
}

static void copy_down(u8 *d, const u8 *s, size_t n)
{
	while (n >= 8) {
		n -= 8;
		*(any_u64 *)(d + n) = *(const any_u64 *)(s + n);
	}
	while (n) {
		n--;
		d[n] = s[n];
	}
}

void *(memcpy)(void *restrict dst, const void *restrict src, size_t n)
{
	copy_up(dst, src, n);
	return dst;
}

void *(memmove)(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src < n)
		copy_down(dst, src, n);
	else
		copy_up(dst, src, n);
	return dst;
}

void *(memset)(void *dst, int byte, size_t n)
{
	u64 pattern = 0x0101010101010101ull * (u8)byte;
	u8 *d = dst;

	for (; n >= 8; n -= 8, d += 8)
		*(any_u64 *)d = pattern;
	while (n--)
		*d++ = (u8)byte;
	return dst;
}

int(memcmp)(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x < *y ? -1 : 1;
	}
	return 0;
}
