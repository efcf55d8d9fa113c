/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: whole sequences go to UP form and back, any number of times, and back is every byte
 * (I10); both forms do what they should when they are run; a damaged table is refused whole, named,
 * and before the first byte changes.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "altinstr_fixture.h"
#include "text_map.h"

static struct smp_altinstr_table table;

static int reset(void **state)
{
	(void)state;
	sim_reset();
	table = put_altinstrs();
	text_mutex_lock();
	return 0;
}

static void save(void)
{
	struct smp_altinstr_result result;

	assert_int_equal(alternatives_smp_save(&table, &result), 0);
}

static struct smp_altinstr_result to_up(void)
{
	struct smp_altinstr_result result;
	int err = alternatives_up_apply(&table, &result);

	if (err)
		print_error("%s\n", result.why ? result.why : "no reason");
	assert_int_equal(err, 0);
	return result;
}

static struct smp_altinstr_result to_smp(void)
{
	struct smp_altinstr_result result;
	int err = alternatives_smp_apply(&table, &result);

	if (err)
		print_error("%s\n", result.why ? result.why : "no reason");
	assert_int_equal(err, 0);
	return result;
}

static void both_ways_any_number_of_times_is_the_same_text(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	save();
	assert_int_equal(sim_hash(), smp);
	to_up();
	expect_up_forms();
	up = sim_hash();
	assert_int_not_equal(up, smp);
	for (u32 round = 0; round < 10; round++) {
		assert_int_equal(to_smp().nr_changed, NR_FIXTURE_SITES);
		assert_int_equal(sim_hash(), smp);
		assert_int_equal(to_up().nr_changed, NR_FIXTURE_SITES);
		assert_int_equal(sim_hash(), up);
	}
}

static void nothing_but_the_sites_changes(void **state)
{
	static u8 before[SIM_TEXT_BYTES];

	(void)state;
	save();
	memcpy(before, sim_text, sizeof(before));
	sim_forget();
	to_up();
	/* One opening for the whole table. */
	assert_string_equal(sim_order(), "OC");
	for (u32 i = 0; i < NR_FIXTURE_SITES; i++) {
		const u8 *site = self_relative(&instrs[i].instr_offset);

		memcpy(before + (site - sim_text), site, instrs[i].instrlen);
	}
	assert_memory_equal(sim_text, before, sizeof(before));
}

static void what_is_so_already_is_counted_and_not_written(void **state)
{
	struct smp_altinstr_result result;

	(void)state;
	save();
	result = to_smp();
	assert_int_equal(result.nr_changed, 0);
	assert_int_equal(result.nr_already, NR_FIXTURE_SITES);
	assert_int_equal(result.nr_padding, 1);
	to_up();
	result = to_up();
	assert_int_equal(result.nr_changed, 0);
	assert_int_equal(result.nr_already, NR_FIXTURE_SITES);
	expect_up_forms();
}

/* ---- Run ---- */

/* The text as it is, at another address: everything in it is relative. */
static int run(size_t offset, void *argument)
{
	u8 *code = mmap(NULL, SIM_TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	int result;

	assert_ptr_not_equal(code, MAP_FAILED);
	memcpy(code, sim_text, SIM_TEXT_BYTES);
	assert_int_equal(mprotect(code, SIM_TEXT_BYTES, PROT_READ | PROT_EXEC), 0);
	result = ((int (*)(void *))(code + offset))(argument);
	munmap(code, SIM_TEXT_BYTES);
	return result;
}

static void expect_locks_to_work(void)
{
	s8 lock = 1;
	s32 semaphore = 1;

	assert_int_equal(run(SPIN_LOCK_OFFSET, &lock), 0);
	assert_int_equal(lock, 0);
	assert_int_equal(run(DOWN_OFFSET, &semaphore), 0);
	assert_int_equal(semaphore, 0);
	assert_int_equal(run(DOWN_OFFSET, &semaphore), SLOW_RESULT);
	assert_int_equal(semaphore, -1);
	assert_int_equal(run(UP_OFFSET, &semaphore), SLOW_RESULT);
	assert_int_equal(semaphore, 0);
	assert_int_equal(run(UP_OFFSET, &semaphore), 0);
	assert_int_equal(semaphore, 1);
}

static void both_forms_lock_when_they_are_run(void **state)
{
	(void)state;
	expect_locks_to_work();
	save();
	to_up();
	expect_locks_to_work();
	to_smp();
	expect_locks_to_work();
}

static void the_map_of_instructions_follows(void **state)
{
	const u8 *site = sim_text + SPIN_LOCK_OFFSET;
	struct text_map *map = text_map_of(site, 14);

	(void)state;
	save();
	assert_true(text_map_starts(map, site + 3));
	assert_false(text_map_starts(map, site + 2));
	to_up();
	assert_true(text_map_starts(map, site + 2));
	assert_false(text_map_starts(map, site + 3));
	to_smp();
	assert_true(text_map_starts(map, site + 3));
	assert_false(text_map_starts(map, site + 2));
}

/* ---- Damage ---- */

static u8 kept[sizeof(saved)];

/* @err of a call that must have refused the last entry and written nothing. */
static void expect_refused(int err, const struct smp_altinstr_result *result, const char *why,
			   u64 before)
{
	assert_int_equal(err, -ERR_REFUSED);
	assert_non_null(result->why);
	assert_string_equal(result->why, why);
	assert_ptr_equal(result->entry, &instrs[SEMAPHORE_UP]);
	assert_int_equal(sim_hash(), before);
	assert_memory_equal(saved, kept, sizeof(saved));
}

static struct smp_altinstr *last(void)
{
	return &instrs[SEMAPHORE_UP];
}

static void no_length(void)
{
	last()->instrlen = last()->replacementlen = 0;
}

static void last_field(void)
{
	last()->zero = 1;
}

static void up_too_long(void)
{
	last()->replacementlen = last()->instrlen + 1;
}

static void site_before_text(void)
{
	table.text += SPIN_LOCK_OFFSET;
	last()->instr_offset = (s32)(sim_text + SPIN_LOCK_OFFSET - 1 - (u8 *)&last()->instr_offset);
}

static void site_beyond_text(void)
{
	table.text_end = sim_text + UP_OFFSET + 8;
}

static void site_cuts_instruction(void)
{
	last()->instrlen = last()->replacementlen = 8;
}

static void sites_overlap(void)
{
	/* Onto the last instruction of the one before. */
	last()->instr_offset = (s32)(sim_text + DOWN_OFFSET + 3 - (u8 *)&last()->instr_offset);
}

static void saved_in_text(void)
{
	last()->saved_offset = (s32)(sim_text - (u8 *)&last()->saved_offset);
}

static void saved_in_core_text(void)
{
	last()->saved_offset = (s32)((u8 *)_stext - (u8 *)&last()->saved_offset);
}

static void saved_twice(void)
{
	last()->saved_offset = (s32)(saved[0] + 13 - (u8 *)&last()->saved_offset);
}

static void saved_before_all(void)
{
	last()->saved_offset = (s32)(saved[0] - 1 - (u8 *)&last()->saved_offset);
}

static void saved_beyond_all(void)
{
	table.saved_end = saved[SEMAPHORE_UP] + 8;
}

static void up_form_before_all(void)
{
	last()->replacement_offset = (s32)(up_forms[0] - 1 - (u8 *)&last()->replacement_offset);
}

static void up_form_beyond_all(void)
{
	table.up_end = up_forms[SEMAPHORE_UP] + 7;
}

/* What only a table that names too much can do. */
static void everywhere(void)
{
	table.up = table.saved = NULL;
	table.up_end = table.saved_end = (u8 *)UINT64_MAX;
}

static void saved_on_up_form(void)
{
	everywhere();
	last()->saved_offset = (s32)(up_forms[1] + 7 - (u8 *)&last()->saved_offset);
}

static void saved_on_table(void)
{
	everywhere();
	last()->saved_offset = (s32)((u8 *)instrs - (u8 *)&last()->saved_offset);
}

static void up_form_on_site(void)
{
	everywhere();
	last()->replacement_offset =
		(s32)(sim_text + SPIN_LOCK_OFFSET - (u8 *)&last()->replacement_offset);
}

static void up_form_is_no_code(void)
{
	up_forms[SEMAPHORE_UP][0] = 0x06;
}

static void up_form_loops(void)
{
	up_forms[SEMAPHORE_UP][0] = 0xE2;
}

static void in_up_form(void)
{
	memcpy(up_forms[SEMAPHORE_UP], sim_text + UP_OFFSET, 9);
	jcc_to_slow(up_forms[SEMAPHORE_UP] + 3, up_forms[SEMAPHORE_UP] + 3, 0x8E);
	last()->replacementlen = 9;
}

static const struct {
	void (*damage)(void);
	const char *why;
} damages[] = {
	{ no_length, "no record: its length is 0, or its last field is not" },
	{ last_field, "no record: its length is 0, or its last field is not" },
	{ up_too_long, "the UP form is longer than its site" },
	{ site_before_text, "the site is not in the text" },
	{ site_beyond_text, "the site is not in the text" },
	{ site_cuts_instruction, "the site does not end with an instruction" },
	{ sites_overlap, "the site overlaps another" },
	{ saved_in_text, "the save area is text: it would be writable and executable" },
	{ saved_in_core_text, "the save area is text: it would be writable and executable" },
	{ saved_twice, "the save area overlaps another" },
	{ saved_before_all, "the save area is not where the table says they are" },
	{ saved_beyond_all, "the save area is not where the table says they are" },
	{ up_form_before_all, "the UP form is not where the table says they are" },
	{ up_form_beyond_all, "the UP form is not where the table says they are" },
	{ saved_on_up_form, "a save area lies on a UP form" },
	{ saved_on_table, "the save area lies on the table" },
	{ up_form_on_site, "a UP form lies on a site" },
	{ up_form_is_no_code, "no instruction" },
	{ up_form_loops, "LOOP cannot be relocated" },
	{ in_up_form, "the site is in UP form already" },
};

static void a_damaged_table_is_refused_whole_and_named(void **state)
{
	struct smp_altinstr_result result;

	for (u32 i = 0; i < ARRAY_SIZE(damages); i++) {
		u64 before;

		text_mutex_unlock();
		reset(state);
		damages[i].damage();
		memcpy(kept, saved, sizeof(kept));
		before = sim_hash();
		print_message("# %s\n", damages[i].why);
		expect_refused(alternatives_smp_save(&table, &result), &result, damages[i].why,
			       before);
	}
	reset(state);
	save();
}

static void a_site_that_somebody_else_changed_stops_all(void **state)
{
	static const char why[] = "the site holds neither what was saved nor its UP form";
	struct smp_altinstr_result result;
	u64 before;

	(void)state;
	save();
	to_up();
	memcpy(kept, saved, sizeof(kept));
	sim_put(UP_OFFSET + 8, (const u8[]){ 0xF4 }, 1);
	before = sim_hash();
	expect_refused(alternatives_smp_apply(&table, &result), &result, why, before);
	expect_refused(alternatives_up_apply(&table, &result), &result, why, before);
	sim_put(UP_OFFSET + 8, (const u8[]){ 0x90 }, 1);
	to_smp();
}

static void what_was_not_saved_is_not_applied(void **state)
{
	struct smp_altinstr_result result;
	u64 before = sim_hash();

	(void)state;
	assert_int_equal(alternatives_up_apply(&table, &result), -ERR_REFUSED);
	assert_ptr_equal(result.entry, instrs);
	assert_int_equal(alternatives_smp_apply(&table, &result), -ERR_REFUSED);
	assert_int_equal(sim_hash(), before);
	save();
	to_up();
	/* And the SMP form is not saved over by the UP form. */
	memcpy(kept, saved, sizeof(kept));
	assert_int_equal(alternatives_smp_save(&table, &result), -ERR_REFUSED);
	assert_string_equal(result.why, "the site is in UP form already");
	assert_memory_equal(saved, kept, sizeof(saved));
	to_smp();
	assert_int_equal(sim_hash(), before);
}

static void without_the_lock_or_outside_text_nothing_is_written(void **state)
{
	struct smp_altinstr_table outside = table;
	struct smp_altinstr_result result;
	u64 before = sim_hash();

	(void)state;
	save();
	outside.text_end++;
	assert_int_equal(alternatives_smp_save(&outside, &result), -ERR_RANGE);
	assert_int_equal(alternatives_up_apply(&outside, &result), -ERR_RANGE);
	outside.text_end = outside.text - 1;
	assert_int_equal(alternatives_up_apply(&outside, &result), -ERR_RANGE);
	sim.fail_open = true;
	assert_int_equal(alternatives_up_apply(&table, &result), -ERR_FAULT);
	sim.fail_open = false;
	text_mutex_unlock();
	assert_int_equal(alternatives_smp_save(&table, &result), -ERR_PERM);
	assert_int_equal(alternatives_up_apply(&table, &result), -ERR_PERM);
	assert_int_equal(alternatives_smp_apply(&table, &result), -ERR_PERM);
	assert_int_equal(sim_hash(), before);
	text_mutex_lock();
	to_up();
}

static void a_touch_is_any_byte_of_a_site(void **state)
{
	const u8 *site = sim_text + DOWN_OFFSET;
	const struct smp_altinstr_table none = { 0 };

	(void)state;
	assert_true(smp_altinstr_touches(&table, site, site + 1));
	assert_true(smp_altinstr_touches(&table, site - 5, site + 1));
	assert_true(smp_altinstr_touches(&table, site + 8, site + 9));
	assert_false(smp_altinstr_touches(&table, site - 5, site));
	assert_false(smp_altinstr_touches(&table, site + 9, site + 10));
	assert_false(smp_altinstr_touches(&none, sim_text, sim_text + SIM_TEXT_BYTES));
}

#define ALTINSTR_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALTINSTR_TEST(both_ways_any_number_of_times_is_the_same_text),
		ALTINSTR_TEST(nothing_but_the_sites_changes),
		ALTINSTR_TEST(what_is_so_already_is_counted_and_not_written),
		ALTINSTR_TEST(both_forms_lock_when_they_are_run),
		ALTINSTR_TEST(the_map_of_instructions_follows),
		ALTINSTR_TEST(a_damaged_table_is_refused_whole_and_named),
		ALTINSTR_TEST(a_site_that_somebody_else_changed_stops_all),
		ALTINSTR_TEST(what_was_not_saved_is_not_applied),
		ALTINSTR_TEST(without_the_lock_or_outside_text_nothing_is_written),
		ALTINSTR_TEST(a_touch_is_any_byte_of_a_site),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("smp_altinstr", tests, NULL, NULL);
}
