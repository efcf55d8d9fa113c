/* SPDX-License-Identifier: MIT */
/*
 * Pages for the allocator, and a machine that puts them out of reach by poisoning them for ASan.
 */
#ifndef SMPOKE_TESTS_PAGE_FIXTURE_H
#define SMPOKE_TESTS_PAGE_FIXTURE_H

#include <sanitizer/asan_interface.h>

#include "page_alloc.h"
#include "sim_machine.h"
#include "text_patching.h"

#define FIXTURE_PAGES 8

static u8 pool[FIXTURE_PAGES][PAGE_BYTES] __attribute__((aligned(4096)));
static u8 reserved[FIXTURE_PAGES][PAGE_BYTES] __attribute__((aligned(4096)));
/* What the machine refuses from now on: to open pages, to close them. */
static bool refuse_open, refuse_close;

static int asan_access(void *begin, size_t bytes, bool accessible)
{
	if (accessible ? refuse_open : refuse_close)
		return -ERR_FAULT;
	if (accessible)
		ASAN_UNPOISON_MEMORY_REGION(begin, bytes);
	else
		ASAN_POISON_MEMORY_REGION(begin, bytes);
	return 0;
}

/* text_mutex held, both ranges added, not ready. */
static void start_pages(page_access_fn access, bool free_before_ready)
{
	const struct page_alloc_setup setup = { access, free_before_ready };

	refuse_open = refuse_close = false;
	assert_int_equal(page_alloc_exit(), 0);
	assert_int_equal(page_alloc_setup(&setup), 0);
	assert_int_equal(page_alloc_add_pool("pool", pool, pool + FIXTURE_PAGES), 0);
	assert_int_equal(page_alloc_add_reserved("tables", reserved, reserved + FIXTURE_PAGES), 0);
}

/* The books, which must balance. */
static inline struct page_books books(void)
{
	struct page_books b;

	assert_int_equal(page_alloc_audit(&b), 0);
	assert_int_equal(b.nr_pages, 2 * FIXTURE_PAGES);
	assert_int_equal(b.nr_undrawn + b.nr_reserved + b.nr_free + b.nr_used, b.nr_pages);
	assert_int_equal(b.nr_released, b.nr_free + b.nr_used);
	return b;
}

#endif
