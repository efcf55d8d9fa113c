/* SPDX-License-Identifier: MIT */
/*
 * Given to the compiler with -include when it builds Zydis, and to nothing else. Without a libc
 * Zydis clears its structures byte by byte; the builtins make decoding two and a half times faster.
 */
#include <Zycore/LibC.h>
#define ZYAN_MEMSET __builtin_memset
#define ZYAN_MEMCPY __builtin_memcpy
