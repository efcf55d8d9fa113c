/* SPDX-License-Identifier: MIT */
/*
 * The program's own text, run from a memfd instead of from its file, so that it has an alias.
 *
 * The new mapping takes the place of the old one in one system call, and every byte is the same, so
 * the caller does not notice that it goes on in another page.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"

static const u8 *own_text; /* set with the alias */
static size_t own_bytes; /* of code; the mapping is whole pages */

static u8 *page_of(const void *addr)
{
	return (u8 *)((uintptr_t)addr & ~(PAGE_BYTES - 1));
}

struct pages own_text_pages(void)
{
	u8 *begin = page_of(_stext);

	return (struct pages){ begin, (size_t)(page_of(_etext + PAGE_BYTES - 1) - begin) };
}

static bool copy_to(int fd)
{
	struct pages own = own_text_pages();

	return !ftruncate(fd, (off_t)own.bytes) &&
	       pwrite(fd, own.begin, own.bytes, 0) == (ssize_t)own.bytes;
}

static bool map_instead(int fd)
{
	struct pages own = own_text_pages();

	return mmap(own.begin, own.bytes, PROT_READ | PROT_EXEC,
		    MAP_SHARED | MAP_FIXED | MAP_POPULATE, fd, 0) != MAP_FAILED;
}

/* The alias first: when the text has changed its place, nothing can fail any more. */
int own_text_setup(const char **ret_reason)
{
	int fd = text_memfd("smpoke-image");
	bool done = fd >= 0 && copy_to(fd) && !alias_add_own(fd) && map_instead(fd);

	if (fd >= 0)
		close(fd);
	if (!done) {
		*ret_reason = "the program's text cannot be mapped from a copy of it";
		return -ERR_UNSUPPORTED;
	}
	own_text = (const u8 *)_stext;
	own_bytes = (size_t)(_etext - _stext);
	return 0;
}

bool own_text_contains(const void *addr, size_t len)
{
	uintptr_t offset = (uintptr_t)addr - (uintptr_t)own_text;

	return alias_has_own() && offset < own_bytes && len <= own_bytes - offset;
}
