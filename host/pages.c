/* SPDX-License-Identifier: MIT */
/*
 * First fit in units of pages. Searches are linear: allocations are rare and outside every window.
 */
#include "host.h"

static bool is_free(const struct page_map *map, size_t first, size_t nr)
{
	for (size_t i = first; i < first + nr; i++) {
		if (map->owner[i])
			return false;
	}
	return true;
}

static void set_owner(struct page_map *map, size_t first, size_t nr, u16 owner)
{
	for (size_t i = first; i < first + nr; i++)
		map->owner[i] = owner;
}

u32 page_map_take(struct page_map *map, size_t nr_pages, size_t align_pages)
{
	if (!nr_pages || nr_pages > map->nr_pages)
		return PAGE_MAP_FULL;
	for (size_t first = 0; first <= map->nr_pages - nr_pages; first += align_pages) {
		if (is_free(map, first, nr_pages)) {
			set_owner(map, first, nr_pages, (u16)(first + 1));
			return (u32)first;
		}
	}
	return PAGE_MAP_FULL;
}

/* Return: false, with nothing changed, when this is not exactly one allocation. */
bool page_map_give(struct page_map *map, u32 first, size_t nr_pages)
{
	u16 owner = (u16)(first + 1);

	if (!nr_pages || first >= map->nr_pages || nr_pages > map->nr_pages - first)
		return false;
	for (size_t i = first; i < first + nr_pages; i++) {
		if (map->owner[i] != owner)
			return false;
	}
	if (first + nr_pages < map->nr_pages && map->owner[first + nr_pages] == owner)
		return false;
	set_owner(map, first, nr_pages, 0);
	return true;
}

/* An allocation is contiguous, so two ends with one owner have nothing foreign between them. */
bool page_map_same(const struct page_map *map, size_t offset, size_t len)
{
	size_t bytes = map->nr_pages * PAGE_BYTES;
	u16 owner;

	if (!len || offset >= bytes || len > bytes - offset)
		return false;
	owner = map->owner[offset / PAGE_BYTES];
	return owner && owner == map->owner[(offset + len - 1) / PAGE_BYTES];
}

u32 page_map_end(const struct page_map *map)
{
	u32 end = map->nr_pages;

	while (end && !map->owner[end - 1])
		end--;
	return end;
}
