/* SPDX-License-Identifier: MIT */
/*
 * Given to the compiler with -include when it builds QR-Code-generator, and to nothing else: what
 * it takes from a libc, which is not linked. Its assertions would print and abort; they are off.
 */
#define NDEBUG
#include <stdlib.h>
#include <string.h>
#define abs(x) __builtin_abs(x)
#define labs(x) __builtin_labs(x)
