/* SPDX-License-Identifier: MIT */
/*
 * Where bars, letters and the code of a picture lie, on screens of any size from 640x480 on.
 */
#ifndef EFI_DRAWING_H
#define EFI_DRAWING_H

#include "canvas.h"
#include "machine_io.h"

#define DRAWING_MIN_WIDTH 640
#define DRAWING_MIN_HEIGHT 480

/* drawing_scale() - of letters, on a screen of that size */
u32 drawing_scale(u32 width, u32 height);

/* drawing_code_side() - the most modules that a code can have there, without the quiet zone */
u32 drawing_code_side(u32 width, u32 height);

/**
 * drawing_make() - on a canvas that is all INK_PAPER
 * @code_side: of code_make() for picture->code; 0 = none is drawn
 */
void drawing_make(struct canvas *c, const struct machine_picture *picture, u32 code_side);

#endif
