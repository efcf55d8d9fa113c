/* SPDX-License-Identifier: MIT */
/*
 * Set-up and tear-down of machine_text.h, for main.c and facts.c.
 */
#ifndef EFI_TEXT_H
#define EFI_TEXT_H

#include "arena.h"
#include "types.h"

/**
 * text_init() - reserve the arenas; set the rights of the image and of the arenas; the alias
 *
 * Takes effect when our page tables are loaded.
 * Return: NULL, or a sentence when the image's own text cannot be protected. An arena that cannot
 * be had is no error here: text_alloc() returns NULL then.
 */
const char *text_init(void);

/* text_selftest() - run an instruction from the arena. Return: NULL, or a sentence. */
const char *text_selftest(void);

/* text_release() - give the arenas back to firmware; its page tables are loaded */
void text_release(void);

const struct arena *text_arena(void);

#endif
