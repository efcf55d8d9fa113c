/* SPDX-License-Identifier: MIT */
/* Where the options come from. */
#ifndef EFI_ARGS_H
#define EFI_ARGS_H

#include "smpoke.h"

/**
 * args_find() - fill @ret from the first that has any: shell, boot entry, options file
 *
 * What @ret points at stays until args_release().
 */
void args_find(struct smpoke_args *ret);
void args_release(void);

#endif
