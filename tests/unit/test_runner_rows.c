/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a series in ticks gives a second row in cycles where the machine has a core clock,
 * from the same samples, each by the ratio of its own time; elsewhere nothing changes. Rows carry
 * their tags. Of many samples those that are kept come from all of the time.
 */
#include "unit.h"

#include <stdlib.h>

#include "runner_fixture.h"

static const struct series in_ticks[] = { { "first", "tsc_mcycles" }, { "second", "count" } };

static void with_ticks(u64 core_percent)
{
	benches[0].series = in_ticks;
	benches[0].nr_samples = 50;
	fake.core_clock = core_percent ? CORE_CLOCK_FIXED : CORE_CLOCK_NONE;
	fake.core_percent = core_percent;
}

static u64 field(const struct csv_fields *row, enum column column)
{
	return strtoull(row->field[column], NULL, 10);
}

static void ticks_come_in_cycles_too(void **state)
{
	struct csv_fields ticks, cycles;

	(void)state;
	with_ticks(150);
	run();
	assert_int_equal(count_rows("results.csv"), 3);
	assert_true(read_row(&ticks, "results.csv", 1));
	assert_true(read_row(&cycles, "results.csv", 3));
	for (u32 i = COL_SCHEMA; i < COL_UNIT; i++)
		assert_string_equal(cycles.field[i], ticks.field[i]);
	assert_string_equal(ticks.field[COL_UNIT], "tsc_mcycles");
	assert_string_equal(cycles.field[COL_UNIT], "core_mcycles");
	assert_string_equal(cycles.field[COL_STATUS], "ok");
	assert_int_equal(field(&cycles, COL_N), 50);
	/* From 3 to 52, and half as much again. */
	assert_int_equal(field(&ticks, COL_MIN), 3);
	assert_int_equal(field(&cycles, COL_MIN), 5);
	assert_int_equal(field(&cycles, COL_MAX), 78);
	assert_int_equal(totals.nr_rows, 3);
}

static void samples_stand_behind_the_row_in_cycles(void **state)
{
	struct csv_fields row;
	u32 nr = 0;

	(void)state;
	with_ticks(200);
	run();
	for (u32 i = 1; read_row(&row, "samples.csv", i); i++) {
		if (strcmp(row.field[2], "3"))
			continue;
		assert_int_equal(strtoul(row.field[3], NULL, 10), nr);
		assert_int_equal(strtoul(row.field[4], NULL, 10), 2 * (nr + 3));
		nr++;
	}
	assert_int_equal(nr, 50);
}

static void without_a_core_clock_nothing_changes(void **state)
{
	(void)state;
	with_ticks(0);
	run();
	assert_int_equal(count_rows("results.csv"), 2);
}

static void other_units_are_not_converted(void **state)
{
	(void)state;
	fake.core_clock = CORE_CLOCK_FIXED;
	fake.core_percent = 150;
	benches[0].nr_samples = 50;
	run();
	assert_int_equal(count_rows("results.csv"), 2);
	assert_int_equal(fake.nr_core_looks, 4); /* for the tags */
}

static void one_ratio_that_is_not_known_leaves_no_figures(void **state)
{
	struct csv_fields row;

	(void)state;
	with_ticks(150);
	fake.core_fails_at = 41;
	run();
	assert_int_equal(count_rows("results.csv"), 3);
	assert_true(read_row(&row, "results.csv", 3));
	assert_string_equal(row.field[COL_STATUS], "skip");
	expect_empty(&row, COL_N, COL_VIOLATIONS);
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_STATUS], "ok");
}

static void a_bench_that_fails_does_so_in_both_units(void **state)
{
	struct csv_fields row;

	(void)state;
	with_ticks(150);
	script.check_error = -ERR_VERIFY;
	script.reason = "wrong";
	run();
	for (u32 i = 1; i <= 3; i++) {
		assert_true(read_row(&row, "results.csv", i));
		assert_string_equal(row.field[COL_STATUS], "fail");
		assert_string_equal(row.field[COL_REASON], "wrong");
		expect_empty(&row, COL_N, COL_VIOLATIONS);
		expect_empty(&row, COL_CANCELLED, COL_RATIO_END);
	}
	assert_int_equal(totals.nr_fail, 3);
}

static void rows_carry_their_tags(void **state)
{
	struct csv_fields row;

	(void)state;
	with_ticks(150);
	fake.has_smis = fake.has_switches = true;
	fake.switches = 7;
	run();
	for (u32 i = 1; i <= 3; i++) {
		assert_true(read_row(&row, "results.csv", i));
		assert_int_equal(row.nr, NR_COLUMNS);
		assert_string_equal(row.field[COL_SMIS], "0");
		assert_string_equal(row.field[COL_SWITCHES], "0");
		assert_true(field(&row, COL_GAP_NS) > 0);
		assert_string_equal(row.field[COL_RATIO_BEGIN], "1500");
		assert_string_equal(row.field[COL_RATIO_END], "1500");
	}
}

static void tags_that_nobody_knows_are_empty(void **state)
{
	struct csv_fields row;

	(void)state;
	run();
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_SMIS], "");
	assert_string_equal(row.field[COL_SWITCHES], "");
	expect_empty(&row, COL_RATIO_BEGIN, COL_RATIO_END);
	assert_true(field(&row, COL_GAP_NS) > 0);
}

static int cancel(struct bench_run *run)
{
	run->cancelled[0] = -42;
	run->cancelled[1] = 9;
	return check(run);
}

static void what_was_taken_off_is_shown(void **state)
{
	struct csv_fields row;

	(void)state;
	benches[0].check = cancel;
	benches[0].nr_samples = 20;
	run();
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_CANCELLED], "-42");
	assert_true(read_row(&row, "results.csv", 2));
	assert_string_equal(row.field[COL_CANCELLED], "9");
}

/* 4096 of them, and the plan keeps 256: each sixteenth. Two warm-ups come before the first. */
static void kept_samples_come_from_all_of_the_time(void **state)
{
	struct csv_fields row;
	u32 nr = 0;

	(void)state;
	run();
	for (u32 i = 1; read_row(&row, "samples.csv", i) && !strcmp(row.field[2], "1"); i++, nr++) {
		assert_int_equal(strtoul(row.field[3], NULL, 10), 16 * nr);
		assert_int_equal(strtoul(row.field[4], NULL, 10), 16 * nr + 3);
	}
	assert_int_equal(nr, 256);
}

/* One more than are kept: one is left out, and only one. */
static void as_many_as_there_is_room_for_are_kept(void **state)
{
	struct csv_fields row;
	u32 nr = 0;

	(void)state;
	benches[0].nr_samples = 257;
	run();
	for (u32 i = 1; read_row(&row, "samples.csv", i) && !strcmp(row.field[2], "1"); i++, nr++)
		assert_int_equal(strtoul(row.field[3], NULL, 10), nr * 257 / 256);
	assert_int_equal(nr, 256);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ticks_come_in_cycles_too),
		TEST(samples_stand_behind_the_row_in_cycles),
		TEST(without_a_core_clock_nothing_changes),
		TEST(other_units_are_not_converted),
		TEST(one_ratio_that_is_not_known_leaves_no_figures),
		TEST(a_bench_that_fails_does_so_in_both_units),
		TEST(rows_carry_their_tags),
		TEST(tags_that_nobody_knows_are_empty),
		TEST(what_was_taken_off_is_shown),
		TEST(kept_samples_come_from_all_of_the_time),
		TEST(as_many_as_there_is_room_for_are_kept),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("runner_rows", tests, NULL, NULL);
}
