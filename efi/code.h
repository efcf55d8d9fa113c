/* SPDX-License-Identifier: MIT */
/*
 * QR codes: the only file that knows the library which makes them.
 */
#ifndef EFI_CODE_H
#define EFI_CODE_H

#include "types.h"

#define CODE_MAX_SIDE 117 /* version 25: the largest that a telephone reads with ease */

/* code_capacity() - bytes that fit into a code of at most @max_side modules a side; 0 = none */
size_t code_capacity(u32 max_side);

/**
 * code_make() - the smallest code for @text
 * Return: modules a side, without the quiet zone; 0 when it does not fit.
 */
u32 code_make(const char *text, u32 max_side);

/* code_is_dark() - of the code made last */
bool code_is_dark(u32 x, u32 y);

#endif
