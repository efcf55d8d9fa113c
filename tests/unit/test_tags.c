/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: what was counted while the samples were taken stands in the tags, and nothing else; a
 * gap before or after them is seen; ratios and cycles are right to the last digit.
 */
#include "unit.h"

#include <stdlib.h>

#include "fake_machine.h"
#include "tags.h"
#include "x86.h"

static int begin(void **state)
{
	(void)state;
	fake_reset();
	fake.budget_ticks = 10000;
	return 0;
}

static void only_what_came_in_between_is_counted(void **state)
{
	struct tag_watch watch;

	(void)state;
	fake.has_smis = fake.has_switches = true;
	fake.smis = 1000;
	fake.switches = 50;
	tags_begin(&watch);
	fake.smis += 3;
	fake.switches += 2;
	tags_end(&watch);
	fake.smis += 100;
	assert_true(watch.tags.has_smis && watch.tags.has_switches);
	assert_int_equal(watch.tags.smis, 3);
	assert_int_equal(watch.tags.switches, 2);
}

static void what_the_machine_cannot_tell_is_not_told(void **state)
{
	struct tag_watch watch;

	(void)state;
	tags_begin(&watch);
	fake.has_smis = true; /* too late */
	tags_end(&watch);
	assert_false(watch.tags.has_smis || watch.tags.has_switches || watch.tags.has_ratio);
}

static void the_core_runs_at_its_ratio_before_and_after(void **state)
{
	struct tag_watch watch;

	(void)state;
	fake.core_clock = CORE_CLOCK_APERF;
	fake.core_percent = 145;
	tags_begin(&watch);
	fake.nr_core_looks = 0;
	fake.core_percent = 80;
	tags_end(&watch);
	assert_true(watch.tags.has_ratio);
	assert_int_equal(watch.tags.ratio_begin, 1450);
	assert_int_equal(watch.tags.ratio_end, 800);
}

static void a_look_that_fails_leaves_no_ratio(void **state)
{
	(void)state;
	for (u64 fails_at = 1; fails_at <= 4; fails_at++) {
		struct tag_watch watch;

		begin(NULL);
		fake.core_clock = CORE_CLOCK_APERF;
		fake.core_percent = 145;
		fake.core_fails_at = fails_at;
		tags_begin(&watch);
		tags_end(&watch);
		assert_false(watch.tags.has_ratio);
	}
}

/* The clock of the fake is the CPU's own, and 1 tick is 1 ns. */
static void a_gap_lasts_as_long_as_two_looks_are_apart_at_least(void **state)
{
	struct tag_watch watch;
	u64 begin_tick = rdtsc();

	(void)state;
	tags_begin(&watch);
	tags_end(&watch);
	assert_in_range(watch.tags.gap_ns, 1, rdtsc() - begin_tick);
}

/* However slow the clock: it is not looked at for ever. */
static void the_watch_ends(void **state)
{
	struct tag_watch watch;

	(void)state;
	fake.budget_ticks = UINT64_MAX / 16;
	tags_begin(&watch);
	tags_end(&watch);
	assert_true(watch.tags.gap_ns > 0);
}

static void ratios_and_cycles_are_exact(void **state)
{
	static const struct {
		struct core_cycles before, after;
		u64 want;
	} ratios[] = {
		{ { 0, 0 }, { 3, 2 }, 1500000 },
		{ { 1000, 5000 }, { 1000 + 2, 5000 + 3 }, 666666 },
		{ { 7, 7 }, { 8, 7 }, 0 }, /* no time has passed */
		{ { 7, 7 }, { 7, 9 }, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(ratios); i++)
		assert_int_equal(tags_ratio(&ratios[i].before, &ratios[i].after), ratios[i].want);
	assert_int_equal(tags_in_cycles(5260, 1500000), 7890);
	assert_int_equal(tags_in_cycles(1, 1500000), 2); /* 1.5 */
	assert_int_equal(tags_in_cycles(1, 1400000), 1);
	assert_int_equal(tags_in_cycles(0, 1400000), 0);
	/* A sample of an hour at 4 GHz, in thousandths. */
	assert_int_equal(tags_in_cycles(14400000000000000, 1250000), 18000000000000000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(only_what_came_in_between_is_counted),
		TEST(what_the_machine_cannot_tell_is_not_told),
		TEST(the_core_runs_at_its_ratio_before_and_after),
		TEST(a_look_that_fails_leaves_no_ratio),
		TEST(a_gap_lasts_as_long_as_two_looks_are_apart_at_least),
		TEST(the_watch_ends),
		TEST(ratios_and_cycles_are_exact),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
