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

#endif
