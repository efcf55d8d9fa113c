/* SPDX-License-Identifier: MIT */
/*
 * Letters for a picture. Firmware has some of its own, but not every firmware shows where.
 */
#ifndef EFI_FONT_H
#define EFI_FONT_H

#include "types.h"

#define FONT_WIDTH 5
#define FONT_HEIGHT 8

/* font_pixel() - is this pixel of the letter set? A letter that there is not is a box. */
bool font_pixel(char c, u32 x, u32 y);

#endif
