/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: the plain writers write what they are asked for, where they may, under the lock, in
 * pieces of two pages; and the map of registered text knows where instructions begin, whatever was
 * written since.
 */
#include "engine_fixture.h"

#include <stdlib.h>

#include "queue_fixture.h"
#include "x86.h"

static const u8 nop5[] = NOP5, jmp32[] = JMP32, ret[] = { 0xC3 };

/* ---- The writers ---- */

static void only_the_owner_of_the_lock_pokes(void **state)
{
	u64 before = sim_hash();

	(void)state;
	text_mutex_unlock();
	assert_int_equal(text_poke(sim_text, ret, 1), -ERR_PERM);
	assert_int_equal(text_poke_copy_locked(sim_text, ret, 1, false), -ERR_PERM);
	assert_int_equal(sim_hash(), before);
	text_mutex_lock();
	assert_int_equal(text_poke(sim_text, ret, 1), 0);
	assert_int_equal(text_poke_copy_locked(sim_text + 1, ret, 1, false), 0);
	assert_int_equal(sim_text[0], 0xC3);
	assert_int_equal(sim_text[1], 0xC3);
}

static void kgdb_pokes_only_while_nobody_holds_the_lock(void **state)
{
	(void)state;
	sim_this_cpu = 1;
	assert_int_equal(text_poke_kgdb(sim_text, ret, 1), -ERR_BUSY);
	assert_int_equal(sim_text[0], INT3);
	sim_this_cpu = 0;
	text_mutex_unlock();
	assert_int_equal(text_poke_kgdb(sim_text, ret, 1), 0);
	assert_int_equal(sim_text[0], 0xC3);
	assert_false(text_mutex_held());
}

/* The other CPUs of the sim machine run, so only the lock makes an early poke legal. */
static void early_needs_the_lock_or_to_be_alone(void **state)
{
	(void)state;
	text_mutex_unlock();
	assert_int_equal(text_poke_early(sim_text, ret, 1), -ERR_PERM);
	assert_int_equal(sim_text[0], INT3);
	sim.nr_cpus = 1;
	assert_int_equal(text_poke_early(sim_text, ret, 1), 0);
	assert_int_equal(sim_text[0], 0xC3);
	assert_false(text_mutex_held());
	sim.nr_cpus = SIM_NR_CPUS;
	text_mutex_lock();
	assert_int_equal(text_poke_early(sim_text + 1, ret, 1), 0);
	assert_true(text_mutex_held());
}

/* Addresses and lengths whose end, or distance, is no number of 64 bits. */
static void what_wraps_around_is_refused_as_what_it_is(void **state)
{
	u8 *const last = (u8 *)~0ul;

	(void)state;
	assert_int_equal(text_poke(last, ret, 1), -ERR_RANGE);
	assert_int_equal(text_poke_copy_locked(sim_text, ret, ~0ul, true), -ERR_RANGE);
	assert_int_equal(text_poke_copy_locked(last, ret, ~0ul, false), -ERR_RANGE);
	/* From before the image's own text to behind it. */
	assert_int_equal(text_poke_copy_locked(NULL, ret, ~0ul, false), -ERR_PERM);
	assert_int_equal(text_poke_copy_locked(NULL, ret, 0, false), -ERR_RANGE);
	expect_refused_as("farther than s64 reaches",
			  smp_text_poke_single((void *)(1ul << 63), ret, 1, NULL),
			  TEXT_POKE_RULE_REACH);
	assert_string_equal(sim_order(), "");
}

static void outside_text_nothing_is_written(void **state)
{
	static u8 data[2] = { 1, 2 };

	(void)state;
	assert_int_equal(text_poke(data, ret, 1), -ERR_RANGE);
	assert_int_equal(text_poke(sim_text + SIM_TEXT_BYTES - 1, nop5, 2), -ERR_RANGE);
	assert_int_equal(text_poke_copy_locked(sim_text + SIM_TEXT_BYTES - 1, nop5, 2, true),
			 -ERR_RANGE);
	assert_int_equal(data[0], 1);
	assert_int_equal(sim_text[SIM_TEXT_BYTES - 1], INT3);
	assert_string_equal(sim_order(), "");
}

/* The image's own text only for those who say so. */
static void core_text_must_be_meant(void **state)
{
	(void)state;
	assert_int_equal(text_poke_copy_locked(_stext, ret, 1, false), -ERR_PERM);
	assert_int_equal(text_poke_copy_locked(_stext, ret, 1, true), -ERR_RANGE);
	text_mutex_unlock();
	assert_int_equal(text_poke_copy(_stext, ret, 1), -ERR_PERM);
	assert_int_equal(text_poke_set(_stext, 0x90, 1), -ERR_PERM);
}

/* Linux's core routine silently stops at the second page; old code looked at one page only. */
static void one_poke_is_two_pages_at_most(void **state)
{
	static u8 bytes[3 * PAGE_BYTES];

	(void)state;
	memset(bytes, 0x90, sizeof(bytes));
	assert_int_equal(text_poke(sim_text + 100, bytes, 2 * PAGE_BYTES - 99), -ERR_RANGE);
	assert_string_equal(sim_order(), "");
	assert_int_equal(text_poke(sim_text + 100, bytes, 2 * PAGE_BYTES - 100), 0);
	assert_string_equal(sim_order(), "OC");
	assert_memory_equal(sim_text + 100, bytes, 2 * PAGE_BYTES - 100);
	assert_int_equal(sim_text[99], INT3);
	assert_int_equal(sim_text[2 * PAGE_BYTES], INT3);
}

static void long_copies_and_fills_go_in_pieces(void **state)
{
	static u8 bytes[3 * PAGE_BYTES];

	(void)state;
	memset(bytes, 0x90, sizeof(bytes));
	assert_int_equal(text_poke_copy_locked(sim_text + 7, bytes, sizeof(bytes), false), 0);
	assert_string_equal(sim_order(), "OCOC");
	assert_memory_equal(sim_text + 7, bytes, sizeof(bytes));
	text_mutex_unlock();
	assert_int_equal(text_poke_set(sim_text + 7, 0xC3, sizeof(bytes)), 0);
	assert_string_equal(sim_order(), "OCOCOCOC");
	memset(bytes, 0xC3, sizeof(bytes));
	assert_memory_equal(sim_text + 7, bytes, sizeof(bytes));
	assert_int_equal(sim_text[6], INT3);
	assert_int_equal(sim_text[7 + sizeof(bytes)], INT3);
}

/* ---- The map ---- */

static void text_that_was_not_registered_is_not_patched(void **state)
{
	(void)state;
	sim_put(0, nop5, 5);
	text_mutex_unlock();
	text_unregister(sim_text);
	text_mutex_lock();
	expect_refused_as("unregistered", smp_text_poke_single(sim_text, jmp32, 5, NULL),
			  TEXT_POKE_RULE_TEXT);
	assert_memory_equal(sim_text, nop5, 5);
	text_mutex_unlock();
	assert_int_equal(text_register(sim_text, PAGE_BYTES, NULL), 0);
	text_mutex_lock();
	assert_int_equal(smp_text_poke_single(sim_text, jmp32, 5, NULL), 0);
	sim_put(PAGE_BYTES - 2, nop5, 5);
	expect_refused_as("half in",
			  smp_text_poke_single(sim_text + PAGE_BYTES - 2, jmp32, 5, NULL),
			  TEXT_POKE_RULE_TEXT);
}

static void what_is_no_code_is_not_registered(void **state)
{
	static const u8 bad[] = { 0x90, 0x06, 0x90 };
	const u8 *where = NULL;

	(void)state;
	sim_put(200, bad, sizeof(bad));
	text_mutex_unlock();
	text_unregister(sim_text);
	assert_int_equal(text_register(sim_text, SIM_TEXT_BYTES, &where), -ERR_CORRUPT);
	assert_ptr_equal(where, sim_text + 201);
	assert_int_equal(text_register(sim_text, 201, NULL), 0);
	assert_int_equal(text_register(sim_text + 100, 50, NULL), -ERR_EXIST);
	assert_int_equal(text_register(sim_text + 202, SIM_TEXT_BYTES, NULL), -ERR_RANGE);
	assert_int_equal(text_register(sim_text + 202, 0, NULL), -ERR_RANGE);
	assert_int_equal(text_register(sim_text + 202, 100, NULL), 0);
	text_unregister(sim_text + 202);
	text_unregister(sim_text + 203);
}

static int ask_for(const u8 *addr, u8 byte)
{
	return smp_text_poke_single((void *)addr, &byte, 1, NULL);
}

/* Where every instruction of a known stretch begins, and nowhere else. */
static void starts_are_where_the_decoder_walks(void **state)
{
	/* nop5, mov $0xC3909090,%eax, ret */
	static const u8 code[] = { 0x0F, 0x1F, 0x44, 0, 0, 0xB8, 0x90, 0x90, 0x90, 0xC3, 0xC3 };

	(void)state;
	assert_int_equal(text_poke_copy_locked(sim_text + 300, code, sizeof(code), false), 0);
	for (u32 i = 6; i < 10; i++)
		expect_refused_as("inside the MOV", ask_for(sim_text + 300 + i, 0x90),
				  TEXT_POKE_RULE_BOUNDARY);
	assert_int_equal(ask_for(sim_text + 310, 0x90), 0);
	/* Filled with NOPs of one byte, every byte is a start. */
	text_mutex_unlock();
	assert_int_equal(text_poke_set(sim_text + 300, 0x90, sizeof(code)), 0);
	text_mutex_lock();
	for (u32 i = 0; i < sizeof(code); i++)
		assert_int_equal(ask_for(sim_text + 300 + i, 0xC3), 0);
}

/* The map of each range is kept, also by a write that begins or ends outside of it. */
static void a_write_across_the_border_of_ranges_is_seen_by_both(void **state)
{
	/* two MOVs, each in a range of its own */
	static const u8 code[] = { 0xB8, 0x90, 0x90, 0x90, 0x90, 0xB8, 0x90, 0x90, 0x90, 0x90 };

	(void)state;
	text_mutex_unlock();
	text_unregister(sim_text);
	assert_int_equal(text_register(sim_text, 100, NULL), 0);
	assert_int_equal(text_register(sim_text + 100, 100, NULL), 0);
	text_mutex_lock();
	assert_int_equal(text_poke_copy_locked(sim_text + 95, code, sizeof(code), false), 0);
	expect_refused_as("in the first range", ask_for(sim_text + 97, 0xC3),
			  TEXT_POKE_RULE_BOUNDARY);
	expect_refused_as("in the second range", ask_for(sim_text + 102, 0xC3),
			  TEXT_POKE_RULE_BOUNDARY);
	assert_int_equal(text_poke_copy_locked(sim_text + 195, code, sizeof(code), false), 0);
	expect_refused_as("half registered", ask_for(sim_text + 197, 0xC3),
			  TEXT_POKE_RULE_BOUNDARY);
	text_mutex_unlock();
	text_unregister(sim_text + 100);
}

/* The INT3s behind a short jump stood at starts; they are inside the instruction that follows it.
 */
static void the_padding_of_a_site_is_no_place_for_another(void **state)
{
	static const u8 jmp8[] = { 0xEB, 0x10, INT3, INT3, INT3 };

	(void)state;
	sim_put(0, jmp8, 5);
	assert_int_equal(ask_for(sim_text + 3, 0x90), 0); /* the control */
	assert_int_equal(ask_for(sim_text + 3, INT3), 0);
	assert_int_equal(smp_text_poke_single(sim_text, nop5, 5, NULL), 0);
	assert_int_equal(smp_text_poke_single(sim_text, jmp8, 5, NULL), 0);
	for (u32 i = 2; i < 5; i++)
		expect_refused_as("padding", ask_for(sim_text + i, 0x90), TEXT_POKE_RULE_BOUNDARY);
}

#define POKE_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POKE_TEST(only_the_owner_of_the_lock_pokes),
		POKE_TEST(kgdb_pokes_only_while_nobody_holds_the_lock),
		POKE_TEST(early_needs_the_lock_or_to_be_alone),
		POKE_TEST(what_wraps_around_is_refused_as_what_it_is),
		POKE_TEST(outside_text_nothing_is_written),
		POKE_TEST(core_text_must_be_meant),
		POKE_TEST(one_poke_is_two_pages_at_most),
		POKE_TEST(long_copies_and_fills_go_in_pieces),
		POKE_TEST(text_that_was_not_registered_is_not_patched),
		POKE_TEST(what_is_no_code_is_not_registered),
		POKE_TEST(starts_are_where_the_decoder_walks),
		POKE_TEST(a_write_across_the_border_of_ranges_is_seen_by_both),
		POKE_TEST(the_padding_of_a_site_is_no_place_for_another),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("text_poke", tests, NULL, NULL);
}
