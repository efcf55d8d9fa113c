/* SPDX-License-Identifier: MIT */
/* The image as smpoke.lds has laid it out, for image_patch(). */
#ifndef EFI_IMAGE_H
#define EFI_IMAGE_H

#include "image_patching.h"

/* Its text is registered as a whole, after text_init() has given it an alias. */
extern const struct image efi_image;

#endif
