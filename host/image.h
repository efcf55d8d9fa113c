/* SPDX-License-Identifier: MIT */
/* For host/main.c alone: a program without these tables, such as a test, does not link image.c. */
#ifndef SMPOKE_HOST_IMAGE_H
#define SMPOKE_HOST_IMAGE_H

#include "image_patching.h"

/* Its text can be written after own_text_setup(). */
extern const struct image host_image;

#endif
