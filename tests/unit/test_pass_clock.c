/* SPDX-License-Identifier: MIT */
/*
 * The clock that a CPU holds against its passes, told the time by hand.
 */
#include "unit.h"

#include <string.h>

#include "pass_clock.h"

#define OLD_TICKS 100
#define NEW_TICKS 300

static struct pass_window window;
static struct pass_clock clock;
static u64 now;

static void pass(enum pass_form form, bool trapped, u64 ticks)
{
	now += ticks;
	pass_clock_passed(&clock, form, trapped, now);
}

/* Two of 255 take longer: the 253rd is the longest of 99 in 100. */
static void learn(enum pass_form form, u64 ticks)
{
	for (int i = 0; i < PASS_CLOCK_QUIET; i++)
		pass(form, false, i < 2 ? 50 * ticks : i == 2 ? ticks + 10 : ticks);
}

static int begin(void **state)
{
	(void)state;
	memset(&window, 0, sizeof(window));
	memset(&clock, 0, sizeof(clock));
	clock.window = &window;
	now = 1000000;
	pass(PASS_OLD, false, 0);
	learn(PASS_OLD, OLD_TICKS);
	learn(PASS_NEW, NEW_TICKS);
	return 0;
}

static void each_form_is_learned_by_itself(void **state)
{
	(void)state;
	assert_true(pass_clock_learned(&clock, false) && pass_clock_learned(&clock, true));
	assert_int_equal(clock.quiet[PASS_OLD].median, OLD_TICKS);
	assert_int_equal(clock.quiet[PASS_NEW].median, NEW_TICKS);
	assert_int_equal(clock.quiet[PASS_OLD].long_pass, OLD_TICKS + 10);
}

static void nothing_is_learned_from_a_first_pass_a_trap_or_both_forms(void **state)
{
	(void)state;
	memset(&clock, 0, sizeof(clock));
	clock.window = &window;
	pass(PASS_OLD, false, 5);
	pass(PASS_OLD, true, 5);
	pass(PASS_MIXED, false, 5);
	assert_int_equal(clock.quiet[PASS_OLD].nr + clock.quiet[PASS_NEW].nr, 0);
	pass(PASS_OLD, false, 5);
	assert_int_equal(clock.quiet[PASS_OLD].nr, 1);
}

static void a_pass_of_the_usual_length_takes_nothing(void **state)
{
	(void)state;
	pass_window_begin(&window, true);
	pass(PASS_OLD, false, OLD_TICKS + 10);
	pass(PASS_NEW, false, NEW_TICKS);
	pass(PASS_MIXED, true, NEW_TICKS + 10);
	assert_int_equal(clock.taken_ticks, 0);
	assert_int_equal(clock.longest_ticks, 0);
}

static void a_longer_one_counts_with_all_beyond_the_median(void **state)
{
	(void)state;
	pass_window_begin(&window, true);
	pass(PASS_OLD, false, OLD_TICKS + 11);
	pass(PASS_OLD, false, OLD_TICKS + 500);
	pass(PASS_MIXED, false, NEW_TICKS + 40);
	assert_int_equal(clock.taken_ticks, 551);
	assert_int_equal(clock.longest_ticks, 500);
}

static void a_window_counts_anew(void **state)
{
	(void)state;
	pass_window_begin(&window, true);
	pass(PASS_NEW, false, NEW_TICKS + 500);
	assert_true(clock.new_tick && clock.taken_ticks);
	pass_window_begin(&window, false);
	pass(PASS_NEW, false, NEW_TICKS);
	assert_int_equal(clock.taken_ticks + clock.longest_ticks, 0);
	assert_int_equal(clock.new_tick + clock.live_tick, 0);
}

static void new_may_be_emulated_and_live_may_not(void **state)
{
	u64 new, live;

	(void)state;
	pass_window_begin(&window, false);
	pass(PASS_NEW, false, NEW_TICKS);
	pass(PASS_MIXED, true, NEW_TICKS);
	assert_int_equal(clock.new_tick, 0);
	pass(PASS_OLD, true, OLD_TICKS);
	new = now;
	pass(PASS_OLD, true, OLD_TICKS);
	assert_int_equal(clock.live_tick, 0);
	pass(PASS_OLD, false, OLD_TICKS);
	live = now;
	pass(PASS_OLD, false, OLD_TICKS);
	assert_true(clock.new_tick == new &&clock.live_tick == live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_form_is_learned_by_itself, begin),
		cmocka_unit_test_setup(nothing_is_learned_from_a_first_pass_a_trap_or_both_forms,
				       begin),
		cmocka_unit_test_setup(a_pass_of_the_usual_length_takes_nothing, begin),
		cmocka_unit_test_setup(a_longer_one_counts_with_all_beyond_the_median, begin),
		cmocka_unit_test_setup(a_window_counts_anew, begin),
		cmocka_unit_test_setup(new_may_be_emulated_and_live_may_not, begin),
	};

	return cmocka_run_group_tests_name("pass_clock", tests, NULL, NULL);
}
