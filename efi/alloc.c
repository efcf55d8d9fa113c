/* SPDX-License-Identifier: MIT */
/*
 * machine_alloc(): firmware's pages, without the right to execute them.
 */
#include "machine.h"

#include "away.h"
#include "firmware.h"
#include "mem.h"
#include "paging.h"

static size_t pages_of(size_t bytes)
{
	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

void *machine_alloc(size_t bytes)
{
	size_t nr_pages = pages_of(bytes);
	void *mem;

	if (nr_pages == 0)
		return NULL;
	if (away_is_it())
		return away_alloc(nr_pages);
	mem = firmware_pages(nr_pages, EfiLoaderData, 0);
	if (!mem)
		return NULL;
	if (paging_protect(mem, nr_pages, PAGE_DATA)) {
		machine_free(mem, bytes);
		return NULL;
	}
	memset(mem, 0, nr_pages * PAGE_BYTES);
	return mem;
}

void machine_free(void *mem, size_t bytes)
{
	if (!mem)
		return;
	if (away_owns(mem)) {
		away_free(mem, pages_of(bytes));
		return;
	}
	/* Of what firmware gave before the stage: it cannot be asked now, and the run is short. */
	if (away_is_it())
		return;
	/* Firmware may load a driver there next, and run it from its timer while we own the CPU. */
	paging_protect(mem, pages_of(bytes), PAGE_FIRMWARE);
	firmware_free_pages(mem, pages_of(bytes));
}
