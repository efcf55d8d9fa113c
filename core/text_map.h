/* SPDX-License-Identifier: MIT */
/*
 * Where instructions begin in registered text. All of it under text_mutex.
 */
#ifndef SMPOKE_CORE_TEXT_MAP_H
#define SMPOKE_CORE_TEXT_MAP_H

#include "types.h"

struct text_map;

/* text_map_of() - the registered text that holds [addr, addr + len), or NULL */
struct text_map *text_map_of(const u8 *addr, size_t len);

/* text_map_starts() - true when an instruction begins at @addr, which @map holds */
bool text_map_starts(const struct text_map *map, const u8 *addr);

/*
 * text_map_rewritten() - other code stands in [addr, addr + len) now, and begins at @addr, as the
 * part that is registered begins with an instruction
 */
void text_map_rewritten(const u8 *addr, size_t len);

/* text_map_one_insn() - the site [addr, addr + len) is one instruction, whatever it was before */
void text_map_one_insn(struct text_map *map, const u8 *addr, size_t len);

#endif
