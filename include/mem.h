/* SPDX-License-Identifier: MIT */
/*
 * The four memory functions that core and bench may call. Each machine supplies them, unpatched;
 * the meaning is the C standard's.
 */
#ifndef SMPOKE_MEM_H
#define SMPOKE_MEM_H

#include <stddef.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/*
 * A freestanding compiler calls these even for four bytes; the builtins become a load and a store
 * where the size is known, which counts in the middle of a batch.
 */
#define memcpy(dst, src, n) __builtin_memcpy(dst, src, n)
#define memmove(dst, src, n) __builtin_memmove(dst, src, n)
#define memset(dst, c, n) __builtin_memset(dst, c, n)
#define memcmp(a, b, n) __builtin_memcmp(a, b, n)

#endif
