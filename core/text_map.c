/* SPDX-License-Identifier: MIT */
/*
 * The map of registered text: one bit a byte, set where an instruction begins.
 *
 * Bytes in the middle of an instruction often decode too, and patching there would corrupt the
 * instruction that CPUs really run. Only decoding from a known start tells; so it is done once.
 */
#include "text_map.h"

#include "fault.h"
#include "insn.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

#define WORD_BITS 64

struct text_map {
	struct text_map *next;
	const u8 *text;
	size_t bytes;
	u64 starts[]; /* bit i: text + i */
};

/* Under text_mutex. */
static struct text_map *maps;

static size_t map_bytes(size_t text_bytes)
{
	return sizeof(struct text_map) + (text_bytes + WORD_BITS - 1) / WORD_BITS * sizeof(u64);
}

struct text_map *text_map_of(const u8 *addr, size_t len)
{
	for (struct text_map *map = maps; map; map = map->next)
		if (addr >= map->text && len <= map->bytes &&
		    (size_t)(addr - map->text) <= map->bytes - len)
			return map;
	return NULL;
}

static void set_start(struct text_map *map, size_t i)
{
	map->starts[i / WORD_BITS] |= 1ull << i % WORD_BITS;
}

static void clear_start(struct text_map *map, size_t i)
{
	map->starts[i / WORD_BITS] &= ~(1ull << i % WORD_BITS);
}

/*
 * Decode from text + @i to text + @end; the last instruction may reach beyond. What does not decode
 * begins nothing. Return: the first byte that does not, or NULL.
 */
static const u8 *decode_range(struct text_map *map, size_t i, size_t end)
{
	const u8 *bad = NULL;

	while (i < end) {
		const u8 *p = map->text + i;
		struct insn insn = { .len = 1 };

		/* Gaps are INT3s by the thousand, and need no decoder. */
		if (*p == INT3_INSN_OPCODE || !insn_decode(&insn, p, map->bytes - i)) {
			set_start(map, i);
		} else {
			clear_start(map, i);
			insn.len = 1;
			bad = bad ? bad : p;
		}
		for (size_t next = i + insn.len; ++i < next;)
			clear_start(map, i);
	}
	return bad;
}

static bool overlaps_another(const u8 *text, size_t bytes)
{
	for (const struct text_map *map = maps; map; map = map->next)
		if (text < map->text + map->bytes && map->text < text + bytes)
			return true;
	return false;
}

/* Under text_mutex. */
static int add_map(struct text_map *map, const u8 **ret_bad)
{
	const u8 *bad;

	if (overlaps_another(map->text, map->bytes))
		return -ERR_EXIST;
	bad = decode_range(map, 0, map->bytes);
	if (bad) {
		if (ret_bad)
			*ret_bad = bad;
		return -ERR_CORRUPT;
	}
	map->next = maps;
	maps = map;
	return 0;
}

int text_register(const void *text, size_t bytes, const u8 **ret_bad)
{
	struct text_map *map;
	int err;

	if (!bytes || !text_contains(text, bytes))
		return -ERR_RANGE;
	map = machine_alloc(map_bytes(bytes));
	if (!map)
		return -ERR_NOMEM;
	map->text = text;
	map->bytes = bytes;
	text_mutex_lock();
	err = add_map(map, ret_bad);
	text_mutex_unlock();
	if (err)
		machine_free(map, map_bytes(bytes));
	return err;
}

void text_unregister(const void *text)
{
	struct text_map **link, *map = NULL;

	text_mutex_lock();
	for (link = &maps; *link && !map; link = &(*link)->next) {
		if ((*link)->text == text) {
			map = *link;
			*link = map->next;
			break;
		}
	}
	text_mutex_unlock();
	if (map)
		machine_free(map, map_bytes(map->bytes));
}

bool text_map_starts(const struct text_map *map, const u8 *addr)
{
	size_t i = addr - map->text;

	return fault(SKIP_BOUNDARY_CHECK) || map->starts[i / WORD_BITS] >> i % WORD_BITS & 1;
}

/* What is written may end or begin outside of a range, or lie in two. */
void text_map_rewritten(const u8 *addr, size_t len)
{
	for (struct text_map *map = maps; map; map = map->next) {
		const u8 *map_end = map->text + map->bytes;
		const u8 *from = addr > map->text ? addr : map->text;
		const u8 *to = addr + len < map_end ? addr + len : map_end;

		if (from < to)
			decode_range(map, from - map->text, to - map->text);
	}
}

void text_map_one_insn(struct text_map *map, const u8 *addr, size_t len)
{
	for (size_t i = 1; i < len; i++)
		clear_start(map, addr - map->text + i);
}
