/* SPDX-License-Identifier: MIT */
/*
 * Memory within reach of the image: where the text arena goes, and data for self-relative tables.
 */
#include <string.h>
#include <sys/mman.h>

#include "host.h"

#define NEAR_PAGES 16384u /* 64 MiB of address space; memory only for what is allocated */
#define STRIDE_BYTES (2ul << 20)

static u16 near_owner[NEAR_PAGES];
static struct page_map near_map = { .nr_pages = NEAR_PAGES, .owner = near_owner };
static u8 *near_base;

/* Kernels before 4.17 take MAP_FIXED_NOREPLACE as a mere hint, so the answer is checked. */
static void *reserve_at(uintptr_t addr, size_t bytes)
{
	void *mem = mmap((void *)addr, bytes, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

	if (mem == MAP_FAILED)
		return NULL;
	if (mem != (void *)addr) {
		munmap(mem, bytes);
		return NULL;
	}
	return mem;
}

static bool in_reach(uintptr_t addr, size_t bytes)
{
	uintptr_t image = (uintptr_t)_stext;
	uintptr_t low = image > TEXT_REACH_BYTES ? image - TEXT_REACH_BYTES : 0;

	return addr >= low + PAGE_BYTES && addr + bytes < image + TEXT_REACH_BYTES;
}

/*
 * Below the image first: above it the heap wants to grow. An image linked to a fixed low address
 * has next to nothing below it and gets memory above.
 */
void *near_reserve(size_t bytes, size_t align_bytes)
{
	uintptr_t stride = align_bytes > STRIDE_BYTES ? align_bytes : STRIDE_BYTES;
	uintptr_t image = (uintptr_t)_stext / stride * stride, addr;
	void *mem = NULL;

	for (addr = image - round_up(bytes, stride); !mem && in_reach(addr, bytes); addr -= stride)
		mem = reserve_at(addr, bytes);
	for (addr = image + stride; !mem && in_reach(addr, bytes); addr += stride)
		mem = reserve_at(addr, bytes);
	return mem;
}

int near_setup(const char **ret_reason)
{
	near_base = near_reserve(NEAR_PAGES * PAGE_BYTES, PAGE_BYTES);
	if (!near_base) {
		*ret_reason = "no address space for data within 1 GiB of the image";
		return -ERR_UNSUPPORTED;
	}
	return 0;
}

void *text_near_alloc(size_t bytes)
{
	size_t nr_pages = bytes / PAGE_BYTES + !!(bytes % PAGE_BYTES);
	u32 first = page_map_take(&near_map, nr_pages, 1);
	void *mem;

	if (first == PAGE_MAP_FULL)
		return NULL;
	mem = mmap(near_base + first * PAGE_BYTES, nr_pages * PAGE_BYTES, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED) {
		page_map_give(&near_map, first, nr_pages);
		return NULL;
	}
	return mem;
}

/* Reserved again rather than unmapped: nobody else may settle there, and a late reader faults. */
void text_near_free(void *mem, size_t bytes)
{
	size_t nr_pages = bytes / PAGE_BYTES + !!(bytes % PAGE_BYTES);
	size_t offset = (size_t)((u8 *)mem - near_base);

	if (!mem)
		return;
	if (offset % PAGE_BYTES || offset >= NEAR_PAGES * PAGE_BYTES ||
	    !page_map_give(&near_map, (u32)(offset / PAGE_BYTES), nr_pages))
		host_die("text_near_free: not what text_near_alloc gave");
	if (mmap(mem, nr_pages * PAGE_BYTES, PROT_NONE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		host_die("text_near_free: the kernel keeps the mapping");
}
