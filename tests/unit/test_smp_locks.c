/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: each entry of .smp_locks has exactly one outcome, and they are counted; there and
 * back gives the very same bytes; only bytes inside [text, text_end) are ever written.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "sim_machine.h"
#include "smp_locks.h"
#include "text_patching.h"

#define NR_ENTRIES 8

static s32 table[NR_ENTRIES]; /* in the image, so within reach of sim_text */

static const u8 lock_inc[] = { LOCK_PREFIX_BYTE, 0x48, 0xFF, 0x07 };

static int reset(void **state)
{
	(void)state;
	sim_reset();
	memset(table, 0, sizeof(table));
	text_mutex_lock();
	return 0;
}

static void point(u32 entry, const u8 *to)
{
	table[entry] = (s32)(to - (u8 *)&table[entry]);
}

/* @nr sites, one behind the other, and an entry for each. Return: the end of the text. */
static u8 *put_sites(u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		point(i, sim_put(i * sizeof(lock_inc), lock_inc, sizeof(lock_inc)));
	return sim_text + nr * sizeof(lock_inc);
}

static struct smp_locks_result unlock(u32 nr, u8 *text_end, enum smp_up_form form)
{
	struct smp_locks_result result;

	assert_int_equal(
		alternatives_smp_unlock(table, table + nr, sim_text, text_end, form, &result), 0);
	return result;
}

static struct smp_locks_result lock(u32 nr, u8 *text_end, enum smp_up_form form)
{
	struct smp_locks_result result;

	assert_int_equal(
		alternatives_smp_lock(table, table + nr, sim_text, text_end, form, &result), 0);
	return result;
}

static u32 sum(const struct smp_locks_result *r)
{
	return r->nr_changed + r->nr_already + r->nr_zero + r->nr_out_of_range + r->nr_unexpected;
}

static void there_and_back(enum smp_up_form form)
{
	struct smp_locks_result result;
	u8 *end = put_sites(NR_ENTRIES);
	u64 before = sim_hash();

	sim_forget();
	result = unlock(NR_ENTRIES, end, form);
	assert_int_equal(result.nr_changed, NR_ENTRIES);
	assert_int_equal(sum(&result), NR_ENTRIES);
	assert_null(result.first_unexpected);
	for (u32 i = 0; i < NR_ENTRIES; i++) {
		assert_int_equal(sim_text[i * 4], form);
		assert_memory_equal(sim_text + i * 4 + 1, lock_inc + 1, 3);
	}
	/* One opening for the whole table. */
	assert_string_equal(sim_order(), "OC");
	result = lock(NR_ENTRIES, end, form);
	assert_int_equal(result.nr_changed, NR_ENTRIES);
	assert_int_equal(sim_hash(), before);
}

static void there_and_back_through_3e_is_the_same_text(void **state)
{
	(void)state;
	assert_int_equal(SMP_UP_DS, 0x3E);
	there_and_back(SMP_UP_DS);
}

static void there_and_back_through_90_is_the_same_text(void **state)
{
	(void)state;
	assert_int_equal(SMP_UP_NOP, 0x90);
	there_and_back(SMP_UP_NOP);
}

/* One entry of each outcome; the counts sum to the table, and the first odd one is named. */
static void every_outcome_is_counted_once(void **state)
{
	struct smp_locks_result result;
	u8 *end = put_sites(NR_ENTRIES);

	(void)state;
	sim_put(0, (const u8[]){ SMP_UP_DS }, 1); /* already */
	table[1] = 0; /* padding */
	point(2, end); /* first byte behind */
	point(3, sim_text - 1); /* last byte before */
	point(4, sim_text + 4 * 4 + 1); /* not a LOCK byte */
	result = unlock(NR_ENTRIES, end, SMP_UP_DS);
	assert_int_equal(result.nr_already, 1);
	assert_int_equal(result.nr_zero, 1);
	assert_int_equal(result.nr_out_of_range, 2);
	assert_int_equal(result.nr_unexpected, 1);
	assert_int_equal(result.nr_changed, NR_ENTRIES - 5);
	assert_int_equal(sum(&result), NR_ENTRIES);
	assert_ptr_equal(result.first_unexpected, &table[2]);
}

static void the_other_up_form_is_unexpected_and_stays(void **state)
{
	struct smp_locks_result result;
	u8 *end = put_sites(2);

	(void)state;
	unlock(2, end, SMP_UP_NOP);
	result = lock(2, end, SMP_UP_DS);
	assert_int_equal(result.nr_unexpected, 2);
	assert_int_equal(result.nr_changed, 0);
	assert_ptr_equal(result.first_unexpected, &table[0]);
	assert_int_equal(sim_text[0], SMP_UP_NOP);
	result = lock(2, end, SMP_UP_NOP);
	assert_int_equal(result.nr_changed, 2);
	result = lock(2, end, SMP_UP_NOP);
	assert_int_equal(result.nr_already, 2);
}

/* Off by one at the end: the last byte of the range is changed, the one behind it never. */
static void the_end_of_the_text_is_not_part_of_it(void **state)
{
	struct smp_locks_result result;

	(void)state;
	sim_put(100, (const u8[]){ LOCK_PREFIX_BYTE, LOCK_PREFIX_BYTE }, 2);
	point(0, sim_text + 100);
	point(1, sim_text + 101);
	result = unlock(2, sim_text + 101, SMP_UP_DS);
	assert_int_equal(result.nr_changed, 1);
	assert_int_equal(result.nr_out_of_range, 1);
	assert_int_equal(sim_text[100], SMP_UP_DS);
	assert_int_equal(sim_text[101], LOCK_PREFIX_BYTE);
}

static void an_empty_table_and_an_empty_text_are_fine(void **state)
{
	struct smp_locks_result result = unlock(0, sim_text + 16, SMP_UP_DS);

	(void)state;
	assert_int_equal(sum(&result), 0);
}

static void without_the_lock_or_outside_text_nothing_is_written(void **state)
{
	struct smp_locks_result result;
	u8 *end = put_sites(2);
	u64 before = sim_hash();

	(void)state;
	assert_int_equal(alternatives_smp_unlock(table, table + 2, sim_text,
						 sim_text + SIM_TEXT_BYTES + 1, SMP_UP_DS, &result),
			 -ERR_RANGE);
	assert_int_equal(
		alternatives_smp_unlock(table, table + 2, end, sim_text, SMP_UP_DS, &result),
		-ERR_RANGE);
	sim.fail_open = true;
	assert_int_equal(
		alternatives_smp_unlock(table, table + 2, sim_text, end, SMP_UP_DS, &result),
		-ERR_FAULT);
	sim.fail_open = false;
	text_mutex_unlock();
	assert_int_equal(
		alternatives_smp_unlock(table, table + 2, sim_text, end, SMP_UP_DS, &result),
		-ERR_PERM);
	assert_int_equal(alternatives_smp_lock(table, table + 2, sim_text, end, SMP_UP_DS, &result),
			 -ERR_PERM);
	assert_int_equal(sum(&result), 0);
	assert_int_equal(sim_hash(), before);

	/* The control. */
	text_mutex_lock();
	assert_int_equal(unlock(2, end, SMP_UP_DS).nr_changed, 2);
}

#define LOCKS_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOCKS_TEST(there_and_back_through_3e_is_the_same_text),
		LOCKS_TEST(there_and_back_through_90_is_the_same_text),
		LOCKS_TEST(every_outcome_is_counted_once),
		LOCKS_TEST(the_other_up_form_is_unexpected_and_stays),
		LOCKS_TEST(the_end_of_the_text_is_not_part_of_it),
		LOCKS_TEST(an_empty_table_and_an_empty_text_are_fine),
		LOCKS_TEST(without_the_lock_or_outside_text_nothing_is_written),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("smp_locks", tests, NULL, NULL);
}
