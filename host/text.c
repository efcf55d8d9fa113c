/* SPDX-License-Identifier: MIT */
/*
 * The arena of text: one memfd, mapped executable near the image and, elsewhere, as the alias.
 *
 * The executable mapping grows with the highest page that was ever in use, so nothing is executable
 * that was not filled with INT3 before. Text that was freed stays there, as INT3.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "x86.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10u
#endif

#define ARENA_PAGES 4096u
#define ARENA_BYTES (ARENA_PAGES * PAGE_BYTES)
#define MAX_ALIGN_BYTES (2ul << 20)

static u16 arena_owner[ARENA_PAGES];
static struct page_map arena_map = { .nr_pages = ARENA_PAGES, .owner = arena_owner };
static u8 *arena;
static size_t mapped_bytes; /* executable, from the start */
static int arena_fd = -1;

/* Executable on purpose; kernels before 6.3 do not know the flag and make every memfd so. */
int text_memfd(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_EXEC);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create(name, MFD_CLOEXEC);
	return fd;
}

/* One page of text, run once: some systems let a memfd be mapped executable only on paper. */
static void run_probe_page(void *text)
{
	((void (*)(void))text)();
}

static int prove(const char **ret_reason)
{
	static const u8 ret_insn = 0xC3;
	u8 *page = text_alloc(PAGE_BYTES, PAGE_BYTES);
	int error = -ERR_UNSUPPORTED;

	*ret_reason = "memory cannot be mapped executable here (memfd, MFD_EXEC)";
	if (!page)
		return error;
	if (pwrite(arena_fd, &ret_insn, 1, page - arena) == 1) {
		iret_to_self();
		error = machine_probe(run_probe_page, page, NULL) ? -ERR_UNSUPPORTED : 0;
	}
	text_free(page, PAGE_BYTES);
	return error;
}

int text_setup(const char **ret_reason)
{
	arena_fd = text_memfd("smpoke-text");
	if (arena_fd < 0 || ftruncate(arena_fd, ARENA_BYTES)) {
		*ret_reason = "no executable memory (memfd_create); see sysctl vm.memfd_noexec";
		return -ERR_UNSUPPORTED;
	}
	arena = near_reserve(ARENA_BYTES, MAX_ALIGN_BYTES);
	if (!arena || alias_setup((struct pages){ arena, ARENA_BYTES }, own_text_pages())) {
		*ret_reason = "no address space for text within 1 GiB of the image";
		return -ERR_UNSUPPORTED;
	}
	return prove(ret_reason);
}

const u8 *text_arena(void)
{
	return arena;
}

/* The alias first: it fills new pages with INT3, and they must be that when they can be run. */
static int fit_mappings(void)
{
	size_t end = page_map_end(&arena_map) * PAGE_BYTES;

	if (alias_resize(end, arena_fd))
		return -ERR_NOMEM;
	if (end <= mapped_bytes)
		return 0;
	if (mmap(arena + mapped_bytes, end - mapped_bytes, PROT_READ | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED | MAP_POPULATE, arena_fd,
		 (off_t)mapped_bytes) == MAP_FAILED)
		return -ERR_NOMEM;
	mapped_bytes = end;
	return 0;
}

static size_t pages_of(size_t bytes)
{
	return bytes / PAGE_BYTES + !!(bytes % PAGE_BYTES);
}

u8 *text_alloc(size_t bytes, size_t align_bytes)
{
	size_t nr_pages = pages_of(bytes);
	u32 first;

	if (align_bytes & (align_bytes - 1) || align_bytes > MAX_ALIGN_BYTES)
		return NULL;
	first = page_map_take(&arena_map, nr_pages,
			      align_bytes > PAGE_BYTES ? pages_of(align_bytes) : 1);
	if (first == PAGE_MAP_FULL)
		return NULL;
	if (fit_mappings()) {
		page_map_give(&arena_map, first, nr_pages);
		return NULL;
	}
	return arena + first * PAGE_BYTES;
}

/* Through the file, not through the alias: there is no reason to open that for text nobody runs. */
static bool fill_with_int3(size_t offset, size_t bytes)
{
	u8 page[PAGE_BYTES];

	memset(page, INT3_INSN_OPCODE, sizeof(page));
	for (size_t done = 0; done < bytes; done += PAGE_BYTES) {
		if (pwrite(arena_fd, page, PAGE_BYTES, (off_t)(offset + done)) !=
		    (ssize_t)PAGE_BYTES)
			return false;
	}
	return true;
}

void text_free(u8 *text, size_t bytes)
{
	size_t offset = (size_t)(text - arena), nr_pages = pages_of(bytes);

	if (!text)
		return;
	if (offset % PAGE_BYTES || offset >= ARENA_BYTES ||
	    !page_map_give(&arena_map, (u32)(offset / PAGE_BYTES), nr_pages))
		host_die("text_free: not what text_alloc gave");
	if (!fill_with_int3(offset, nr_pages * PAGE_BYTES))
		host_die("text_free: the pages cannot be filled with INT3");
	if (fit_mappings())
		host_die("text_free: the kernel refused to change a mapping");
}

bool text_contains(const void *addr, size_t len)
{
	uintptr_t offset = (uintptr_t)addr - (uintptr_t)arena;

	return own_text_contains(addr, len) || page_map_same(&arena_map, offset, len);
}
