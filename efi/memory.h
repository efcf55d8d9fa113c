/* SPDX-License-Identifier: MIT */
/*
 * The four functions that the compiler may call by itself, and that core and bench may call.
 */
#ifndef EFI_MEMORY_H
#define EFI_MEMORY_H

#include "types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
