/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: every page is in one state, and the books know it; nothing is freed by whom it does
 * not belong to, twice, or before the map is drawn; what is free is poisoned and out of reach.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page_fixture.h"

static int reset(void **state)
{
	(void)state;
	sim_reset();
	text_mutex_lock();
	memset(reserved, 0x11, sizeof(reserved));
	start_pages(NULL, false);
	return 0;
}

static int close_down(void **state)
{
	(void)state;
	return page_alloc_exit();
}

static void expect_refused(int err, enum page_rule rule, const char *name, const void *page)
{
	assert_int_equal(err, -ERR_REFUSED);
	assert_string_equal(page_rule_name(page_alloc_refusal()->rule), page_rule_name(rule));
	assert_string_equal(page_alloc_refusal()->name, name);
	assert_ptr_equal(page_alloc_refusal()->page, page);
}

static bool all_bytes_are(const u8 *mem, size_t len, u8 byte)
{
	for (size_t i = 0; i < len; i++)
		if (mem[i] != byte)
			return false;
	return true;
}

static bool in_pool(const void *page)
{
	return (u8 *)page >= pool[0] && (u8 *)page < pool[FIXTURE_PAGES];
}

/* ---- Handing out ---- */

static void pages_are_handed_out_once_each_zeroed_and_come_back(void **state)
{
	void *got[FIXTURE_PAGES];

	(void)state;
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < FIXTURE_PAGES; i++) {
			got[i] = page_alloc();
			assert_true(in_pool(got[i]));
			/* Zeroed, and not handed out before: that one is full of 0xA5. */
			assert_true(all_bytes_are(got[i], PAGE_BYTES, 0));
			memset(got[i], 0xA5, PAGE_BYTES);
		}
		assert_null(page_alloc());
		assert_int_equal(books().nr_used, FIXTURE_PAGES);
		for (u32 i = 0; i < FIXTURE_PAGES; i++)
			assert_int_equal(page_free(got[i]), 0);
		assert_int_equal(books().nr_used, 0);
	}
}

static void init_pages_are_handed_out_again(void **state)
{
	u32 nr = 0;

	(void)state;
	assert_int_equal(page_alloc_init_late(), 0);
	assert_int_equal(free_init_pages("t", reserved[2], reserved[5]), 0);
	for (const u8 *page; (page = page_alloc());)
		nr += page >= reserved[2] && page < reserved[5];
	assert_int_equal(nr, 3);
	assert_int_equal(books().nr_used, FIXTURE_PAGES + 3);
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES - 3);
	/* Its owner has given it up: it belongs to whom it was handed out. */
	expect_refused(free_init_pages("t", reserved[2], reserved[3]), PAGE_RULE_OWNER, "t",
		       reserved[2]);
	assert_int_equal(page_free(reserved[2]), 0);
}

static void a_failure_that_was_asked_for_comes_once(void **state)
{
	(void)state;
	page_alloc_fail(3);
	assert_non_null(page_alloc());
	assert_non_null(page_alloc());
	assert_null(page_alloc());
	assert_non_null(page_alloc());
	assert_int_equal(books().nr_used, 3);
}

/* ---- Not ready ---- */

static void before_the_map_is_drawn_nothing_reserved_is_freed(void **state)
{
	(void)state;
	assert_false(page_alloc_ready());
	expect_refused(free_init_pages("SMP alternatives", reserved[0], reserved[2]),
		       PAGE_RULE_NOT_READY, "SMP alternatives", reserved[0]);
	assert_true(all_bytes_are(reserved[0], sizeof(reserved), 0x11));
	assert_int_equal(books().nr_refused[PAGE_RULE_NOT_READY], 1);
	assert_int_equal(books().nr_undrawn, FIXTURE_PAGES);
	/* The pool is what there is until then. */
	assert_int_equal(page_free(page_alloc()), 0);

	assert_int_equal(page_alloc_init_late(), 0);
	assert_true(page_alloc_ready());
	assert_int_equal(free_init_pages("SMP alternatives", reserved[0], reserved[2]), 0);
	assert_int_equal(books().nr_free, FIXTURE_PAGES + 2);
	/* Drawn once: a second time would lose what was freed since. */
	assert_int_equal(page_alloc_init_late(), 0);
	assert_int_equal(books().nr_free, FIXTURE_PAGES + 2);
}

/* Seed 1: the free succeeds, and the map that is drawn later does not know of it. */
static void the_old_way_loses_pages_and_the_audit_finds_them(void **state)
{
	struct page_books b;
	u32 nr = 0;

	(void)state;
	start_pages(NULL, true);
	assert_int_equal(free_init_pages("SMP alternatives", reserved[0], reserved[3]), 0);
	assert_int_equal(page_alloc_audit(&b), 0);
	assert_int_equal(page_alloc_init_late(), 0);
	assert_int_equal(page_alloc_audit(&b), -ERR_CORRUPT);
	assert_int_equal(b.nr_lost, 3);
	assert_string_equal(b.lost_from, "tables");
	assert_int_equal(b.nr_reserved, FIXTURE_PAGES);
	while (page_alloc())
		nr++;
	assert_int_equal(nr, FIXTURE_PAGES);
}

/* ---- Whose page it is ---- */

static void a_second_free_is_refused_and_named(void **state)
{
	void *page = page_alloc();

	(void)state;
	assert_int_equal(page_free(page), 0);
	expect_refused(page_free(page), PAGE_RULE_FREE_TWICE, "page_free()", page);
	assert_int_equal(page_alloc_init_late(), 0);
	assert_int_equal(free_init_pages("mine", reserved[3], reserved[4]), 0);
	/* All or none: the pages before the one that is free stay as they were. */
	expect_refused(free_init_pages("yours", reserved[1], reserved[6]), PAGE_RULE_FREE_TWICE,
		       "yours", reserved[3]);
	assert_true(all_bytes_are(reserved[1], 2 * PAGE_BYTES, 0x11));
	assert_int_equal(books().nr_refused[PAGE_RULE_FREE_TWICE], 2);
	assert_int_equal(books().nr_free, FIXTURE_PAGES + 1);
	assert_int_equal(books().nr_released, FIXTURE_PAGES + 1);
}

static void what_is_not_the_callers_is_not_freed(void **state)
{
	u8 *page = page_alloc();

	(void)state;
	expect_refused(page_free(reserved[0]), PAGE_RULE_NOT_READY, "page_free()", reserved[0]);
	assert_int_equal(page_alloc_init_late(), 0);
	expect_refused(page_free(reserved[0]), PAGE_RULE_OWNER, "page_free()", reserved[0]);
	expect_refused(free_init_pages("x", page, page + PAGE_BYTES), PAGE_RULE_OWNER, "x", page);
	expect_refused(page_free(page + 1), PAGE_RULE_RANGE, "page_free()", page + 1);
	expect_refused(free_init_pages("x", reserved[0] + 8, reserved[1]), PAGE_RULE_RANGE, "x",
		       reserved[0] + 8);
	expect_refused(free_init_pages("x", reserved[1], reserved[0]), PAGE_RULE_RANGE, "x",
		       reserved[1]);
	expect_refused(free_init_pages("x", reserved[7], reserved[7] + 2 * PAGE_BYTES),
		       PAGE_RULE_RANGE, "x", reserved[7]);
	expect_refused(free_init_pages("x", sim_text, sim_text + PAGE_BYTES), PAGE_RULE_RANGE, "x",
		       sim_text);
	assert_int_equal(free_init_pages("nothing", reserved[1], reserved[1]), 0);
	assert_true(all_bytes_are(reserved[0], sizeof(reserved), 0x11));
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES);
	assert_int_equal(page_free(page), 0);
}

static void ranges_are_whole_pages_and_do_not_overlap(void **state)
{
	static u8 more[2][PAGE_BYTES] __attribute__((aligned(4096)));

	(void)state;
	assert_int_equal(page_alloc_add_pool("x", more[0] + 1, more[1]), -ERR_INVAL);
	assert_int_equal(page_alloc_add_pool("x", more[1], more[0]), -ERR_INVAL);
	assert_int_equal(page_alloc_add_pool("x", more[0], more[0]), -ERR_INVAL);
	assert_int_equal(page_alloc_add_reserved("x", pool[7], pool[7] + PAGE_BYTES), -ERR_EXIST);
	assert_int_equal(page_alloc_setup(&(struct page_alloc_setup){ 0 }), -ERR_EXIST);
	assert_int_equal(books().nr_pages, 2 * FIXTURE_PAGES);
	assert_int_equal(page_alloc_add_reserved("x", more[0], more[1]), 0);
}

static void nothing_is_done_without_the_lock(void **state)
{
	void *page = page_alloc();
	struct page_books b;

	(void)state;
	text_mutex_unlock();
	assert_null(page_alloc());
	assert_int_equal(page_free(page), -ERR_PERM);
	assert_int_equal(page_alloc_init_late(), -ERR_PERM);
	assert_int_equal(free_init_pages("x", reserved[0], reserved[1]), -ERR_PERM);
	assert_int_equal(page_alloc_audit(&b), -ERR_PERM);
	assert_int_equal(page_alloc_exit(), -ERR_PERM);
	assert_int_equal(page_alloc_setup(&(struct page_alloc_setup){ 0 }), -ERR_PERM);
	assert_int_equal(page_alloc_add_pool("x", reserved, reserved + 1), -ERR_PERM);
	text_mutex_lock();
	assert_false(page_alloc_ready());
	assert_int_equal(books().nr_used, 1);
	assert_int_equal(page_free(page), 0);
}

/* ---- Late readers and writers ---- */

static void a_freed_page_is_poisoned(void **state)
{
	u8 *page;

	(void)state;
	assert_int_equal(page_alloc_init_late(), 0);
	assert_int_equal(free_init_pages("t", reserved[1], reserved[3]), 0);
	assert_true(all_bytes_are(reserved[1], 2 * PAGE_BYTES, PAGE_POISON));
	assert_true(all_bytes_are(reserved[0], PAGE_BYTES, 0x11));
	assert_true(all_bytes_are(reserved[3], PAGE_BYTES, 0x11));
	page = page_alloc();
	assert_non_null(page);
	memset(page, 0x22, PAGE_BYTES);
	assert_int_equal(page_free(page), 0);
	assert_true(all_bytes_are(page, PAGE_BYTES, PAGE_POISON));
}

static bool is_out_of_reach(u8 *page)
{
	for (size_t i = 0; i < PAGE_BYTES; i++)
		if (!__asan_address_is_poisoned(page + i))
			return false;
	return true;
}

static void a_freed_page_is_out_of_reach_until_it_is_handed_out(void **state)
{
	u8 *page;

	(void)state;
	start_pages(asan_access, false);
	assert_true(is_out_of_reach(pool[0]));
	page = page_alloc();
	assert_null(__asan_region_is_poisoned(page, PAGE_BYTES));
	assert_int_equal(page_free(page), 0);
	assert_true(is_out_of_reach(page));
	assert_int_equal(page_alloc_init_late(), 0);
	assert_null(__asan_region_is_poisoned(reserved, sizeof(reserved)));
	assert_int_equal(free_init_pages("t", reserved[1], reserved[2]), 0);
	assert_true(is_out_of_reach(reserved[1]));
	assert_null(__asan_region_is_poisoned(reserved[0], PAGE_BYTES));
	assert_null(__asan_region_is_poisoned(reserved[2], PAGE_BYTES));
	/* And poisoned beneath. */
	assert_int_equal(page_alloc_exit(), 0);
	assert_true(all_bytes_are(reserved[1], PAGE_BYTES, PAGE_POISON));
	assert_null(__asan_region_is_poisoned(pool, sizeof(pool)));
}

static void a_page_that_was_written_to_while_free_is_put_aside(void **state)
{
	struct page_books b;
	u8 *page = page_alloc();

	(void)state;
	assert_int_equal(page_free(page), 0);
	page[PAGE_BYTES - 1]++;
	for (u32 i = 1; i < FIXTURE_PAGES; i++)
		assert_ptr_not_equal(page_alloc(), page);
	assert_null(page_alloc());
	assert_int_equal(page_alloc_audit(&b), -ERR_CORRUPT);
	assert_int_equal(b.nr_spoilt, 1);
	assert_int_equal(b.nr_lost, 0);
}

static void a_machine_that_cannot_is_no_reason_to_lose_a_page(void **state)
{
	u8 *page;

	(void)state;
	start_pages(asan_access, false);
	assert_int_equal(page_alloc_init_late(), 0);
	page = page_alloc();
	refuse_open = true;
	assert_null(page_alloc());
	expect_refused(page_free(page), PAGE_RULE_ACCESS, "page_free()", page);
	expect_refused(free_init_pages("t", reserved[0], reserved[1]), PAGE_RULE_ACCESS, "t",
		       reserved[0]);
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES);
	assert_int_equal(books().nr_used, 1);
	refuse_open = false;
	refuse_close = true;
	assert_int_equal(page_free(page), 0);
	assert_int_equal(books().nr_left_mapped, 1);
	assert_true(all_bytes_are(page, PAGE_BYTES, PAGE_POISON));
	assert_ptr_equal(page_alloc(), page);
}

/* ---- At random ---- */

/* What each page is, by a model that knows nothing of the allocator's. */
static char model[2 * FIXTURE_PAGES]; /* 'r'eserved, 'f'ree, 'u'sed */

static u8 *nth_page(u32 i)
{
	return i < FIXTURE_PAGES ? pool[i] : reserved[i - FIXTURE_PAGES];
}

static void random_alloc(void)
{
	u8 *page = page_alloc();
	u32 i = 0;

	if (!page) {
		assert_null(memchr(model, 'f', sizeof(model)));
		return;
	}
	while (nth_page(i) != page)
		assert_true(++i < 2 * FIXTURE_PAGES);
	assert_int_equal(model[i], 'f');
	model[i] = 'u';
}

static void random_free(u32 i, bool init)
{
	u8 *page = nth_page(i);
	int err = init ? free_init_pages("r", page, page + PAGE_BYTES) : page_free(page);
	bool allowed = model[i] == (init ? 'r' : 'u');

	assert_int_equal(err, allowed ? 0 : -ERR_REFUSED);
	if (allowed)
		model[i] = 'f';
}

static u32 nr_in_model(char what)
{
	u32 nr = 0;

	for (u32 i = 0; i < sizeof(model); i++)
		nr += model[i] == what;
	return nr;
}

static void books_agree_with_a_model_whatever_happens(void **state)
{
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;

	(void)state;
	printf("# SEED=%u\n", seed);
	for (u32 round = 0; round < 20; round++) {
		start_pages(asan_access, false);
		assert_int_equal(page_alloc_init_late(), 0);
		memset(model, 'f', FIXTURE_PAGES);
		memset(model + FIXTURE_PAGES, 'r', FIXTURE_PAGES);
		for (u32 step = 0; step < 200; step++) {
			u32 i = (u32)rand_r(&seed) % (2 * FIXTURE_PAGES);

			if (rand_r(&seed) % 2)
				random_alloc();
			else
				random_free(i, rand_r(&seed) % 8 == 0);
			assert_int_equal(books().nr_free, nr_in_model('f'));
			assert_int_equal(books().nr_used, nr_in_model('u'));
			assert_int_equal(books().nr_reserved, nr_in_model('r'));
		}
	}
}

#define PAGE_TEST(name) cmocka_unit_test_setup_teardown(name, reset, close_down)

static void a_pool_is_taken_back_when_nothing_of_it_is_out(void **state)
{
	static u8 more[2][PAGE_BYTES] __attribute__((aligned(4096)));
	void *page;

	(void)state;
	assert_int_equal(page_alloc_add_pool("more", more, more + 2), 0);
	assert_int_equal(page_alloc_remove_pool(more[1]), -ERR_INVAL);
	assert_int_equal(page_alloc_remove_pool(reserved), -ERR_INVAL);
	page = page_alloc();
	assert_ptr_equal(page, more);
	assert_int_equal(page_alloc_remove_pool(more), -ERR_BUSY);
	assert_int_equal(page_free(page), 0);
	assert_int_equal(page_alloc_remove_pool(more), 0);
	memset(more, 0, sizeof(more));
	assert_int_equal(page_alloc_remove_pool(more), -ERR_INVAL);
	books();
	text_mutex_unlock();
	assert_int_equal(page_alloc_remove_pool(pool), -ERR_PERM);
	text_mutex_lock();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGE_TEST(pages_are_handed_out_once_each_zeroed_and_come_back),
		PAGE_TEST(init_pages_are_handed_out_again),
		PAGE_TEST(a_failure_that_was_asked_for_comes_once),
		PAGE_TEST(before_the_map_is_drawn_nothing_reserved_is_freed),
		PAGE_TEST(the_old_way_loses_pages_and_the_audit_finds_them),
		PAGE_TEST(a_second_free_is_refused_and_named),
		PAGE_TEST(what_is_not_the_callers_is_not_freed),
		PAGE_TEST(ranges_are_whole_pages_and_do_not_overlap),
		PAGE_TEST(a_pool_is_taken_back_when_nothing_of_it_is_out),
		PAGE_TEST(nothing_is_done_without_the_lock),
		PAGE_TEST(a_freed_page_is_poisoned),
		PAGE_TEST(a_freed_page_is_out_of_reach_until_it_is_handed_out),
		PAGE_TEST(a_page_that_was_written_to_while_free_is_put_aside),
		PAGE_TEST(a_machine_that_cannot_is_no_reason_to_lose_a_page),
		PAGE_TEST(books_agree_with_a_model_whatever_happens),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("page_alloc", tests, NULL, NULL);
}
