/* SPDX-License-Identifier: MIT */
/*
 * A run of pages within reach of the image, given out in pieces. First fit; boot CPU only, except
 * for arena_contains().
 */
#ifndef EFI_ARENA_H
#define EFI_ARENA_H

#include "firmware.h"
#include "types.h"

struct arena {
	u8 *start;
	size_t nr_pages;
	u8 *page_state; /* one enum arena_page for each */
};

/**
 * arena_reserve() - find memory and take it
 * @max_bytes: wanted; halved until it fits, down to @min_bytes
 *
 * Whole 2 MiB blocks, all of it within TEXT_REACH_BYTES of _stext.
 * Return: 0, or -ERR_NOMEM when there is none.
 */
int arena_reserve(struct arena *arena, EFI_MEMORY_TYPE type, size_t max_bytes, size_t min_bytes);
void arena_release(struct arena *arena);

u8 *arena_alloc(struct arena *arena, size_t nr_pages, size_t align_bytes);

/* Return: false when @mem is not the start of an allocation of @nr_pages; nothing happens then. */
bool arena_free(struct arena *arena, const void *mem, size_t nr_pages);

/* arena_contains() - does [addr, addr + len) lie within one allocation? Any CPU. */
bool arena_contains(const struct arena *arena, const void *addr, size_t len);

#endif
