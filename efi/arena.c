/* SPDX-License-Identifier: MIT */
#include "arena.h"

#include "machine.h"
#include "machine_text.h"
#include "mem.h"

#define BLOCK_BYTES (2ul << 20)
#define LOWEST_ADDRESS (1ul << 20) /* below: real mode's, and the wake-up code of other CPUs */
#define MAP_BYTES (64 * 1024ul)

enum arena_page {
	ARENA_FREE,
	ARENA_FIRST, /* of an allocation */
	ARENA_NEXT,
};

static u64 max_u64(u64 a, u64 b)
{
	return a > b ? a : b;
}

static u64 min_u64(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* The lowest block in one piece of free memory that fits and is in reach; 0 = none. */
static u64 fit(const EFI_MEMORY_DESCRIPTOR *piece, size_t bytes)
{
	u64 text = (u64)_stext;
	u64 start = max_u64(piece->PhysicalStart, LOWEST_ADDRESS);
	u64 end = piece->PhysicalStart + piece->NumberOfPages * PAGE_BYTES;

	if (piece->Type != EfiConventionalMemory)
		return 0;
	if (text > TEXT_REACH_BYTES)
		start = max_u64(start, text - TEXT_REACH_BYTES);
	start = (start + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1);
	end = min_u64(end, text + TEXT_REACH_BYTES);
	return start < end && end - start >= bytes ? start : 0;
}

/* Firmware may refuse an address that its map calls free, so every piece is tried. */
static void *reserve_in_map(const u8 *map, size_t map_bytes, size_t step, EFI_MEMORY_TYPE type,
			    size_t bytes)
{
	const u8 *at;
	void *mem;
	u64 start;

	for (at = map; at + step <= map + map_bytes; at += step) {
		start = fit((const EFI_MEMORY_DESCRIPTOR *)at, bytes);
		mem = start ? firmware_pages(bytes / PAGE_BYTES, type, start) : NULL;
		if (mem)
			return mem;
	}
	return NULL;
}

static void *reserve(EFI_MEMORY_TYPE type, size_t bytes)
{
	EFI_MEMORY_DESCRIPTOR *map = firmware_pages(MAP_BYTES / PAGE_BYTES, EfiLoaderData, 0);
	UINTN map_bytes = MAP_BYTES, key, step;
	UINT32 version;
	EFI_STATUS status;
	void *mem = NULL;

	if (!map)
		return NULL;
	firmware_enter();
	status = firmware.bs->GetMemoryMap(&map_bytes, map, &key, &step, &version);
	firmware_leave();
	if (!EFI_ERROR(status))
		mem = reserve_in_map((const u8 *)map, map_bytes, step, type, bytes);
	firmware_free_pages(map, MAP_BYTES / PAGE_BYTES);
	return mem;
}

int arena_reserve(struct arena *arena, EFI_MEMORY_TYPE type, size_t max_bytes, size_t min_bytes)
{
	size_t bytes = max_bytes;

	arena->start = reserve(type, bytes);
	while (!arena->start && bytes > min_bytes) {
		bytes /= 2;
		arena->start = reserve(type, bytes);
	}
	if (!arena->start)
		return -ERR_NOMEM;
	arena->nr_pages = bytes / PAGE_BYTES;
	arena->page_state = machine_alloc(arena->nr_pages);
	if (arena->page_state)
		return 0;
	arena_release(arena);
	return -ERR_NOMEM;
}

void arena_release(struct arena *arena)
{
	if (arena->page_state)
		machine_free(arena->page_state, arena->nr_pages);
	firmware_free_pages(arena->start, arena->nr_pages);
	*arena = (struct arena){ 0 };
}

/* Return: the first page at or after @from that is taken, looking at @nr_pages; or the end. */
static size_t first_taken(const struct arena *arena, size_t from, size_t nr_pages)
{
	size_t page = from;

	while (page < from + nr_pages && arena->page_state[page] == ARENA_FREE)
		page++;
	return page;
}

u8 *arena_alloc(struct arena *arena, size_t nr_pages, size_t align_bytes)
{
	size_t align = align_bytes > PAGE_BYTES ? align_bytes / PAGE_BYTES : 1;
	size_t page = 0, taken;

	if (nr_pages == 0)
		return NULL;
	/* The start is aligned to the largest alignment, so page numbers may be aligned instead. */
	while (nr_pages <= arena->nr_pages && page <= arena->nr_pages - nr_pages) {
		taken = first_taken(arena, page, nr_pages);
		if (taken == page + nr_pages) {
			memset(arena->page_state + page, ARENA_NEXT, nr_pages);
			arena->page_state[page] = ARENA_FIRST;
			return arena->start + page * PAGE_BYTES;
		}
		page = (taken + align) & ~(align - 1);
	}
	return NULL;
}

/* The page number of @addr; arena->nr_pages when it is outside. */
static size_t page_of(const struct arena *arena, const void *addr)
{
	size_t offset = (uintptr_t)addr - (uintptr_t)arena->start;

	if (!arena->start || offset / PAGE_BYTES >= arena->nr_pages)
		return arena->nr_pages;
	return offset / PAGE_BYTES;
}

bool arena_free(struct arena *arena, const void *mem, size_t nr_pages)
{
	size_t page = page_of(arena, mem), end = page + nr_pages, i;

	if ((uintptr_t)mem % PAGE_BYTES || nr_pages == 0 || end > arena->nr_pages ||
	    arena->page_state[page] != ARENA_FIRST)
		return false;
	for (i = page + 1; i < end; i++) {
		if (arena->page_state[i] != ARENA_NEXT)
			return false;
	}
	if (end < arena->nr_pages && arena->page_state[end] == ARENA_NEXT)
		return false;
	memset(arena->page_state + page, ARENA_FREE, nr_pages);
	return true;
}

bool arena_contains(const struct arena *arena, const void *addr, size_t len)
{
	size_t page = page_of(arena, addr);
	size_t last = page_of(arena, (const u8 *)addr + (len ? len - 1 : 0));

	if (page == arena->nr_pages || last == arena->nr_pages || last < page ||
	    arena->page_state[page] == ARENA_FREE)
		return false;
	while (++page <= last) {
		if (arena->page_state[page] != ARENA_NEXT)
			return false;
	}
	return true;
}
