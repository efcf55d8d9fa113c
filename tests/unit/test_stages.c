/* SPDX-License-Identifier: MIT */
/*
 * Whole runs that stop at any moment: the next one says what was under way, leaves that out, goes
 * on behind it, and all of them together have each bench once. After an end nothing is gone on
 * with.
 */
#include "unit.h"

#include <string.h>

#include "fake_machine.h"
#include "options.h"
#include "stages.h"

static const char *const suite_names[] = { "check", NULL };
static struct options options;
static struct results results;
static struct stages stages;

/* A start of the machine, up to the first bench. */
static void start(const char *folder)
{
	stages_read(&stages, &options, suite_names);
	strcpy(results.folder, folder);
	stages_begin(&stages, options.plan, &results);
}

static int set_up(void **state)
{
	(void)state;
	fake_reset();
	fake.keeps_state = true;
	memset(&options, 0, sizeof(options));
	options.suite_wanted[0] = true;
	options.seed = 7;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void expect_benches(const enum stage *want, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		assert_int_equal(stages_bench(&stages), want[i]);
}

static void the_first_run_ever_runs_everything(void **state)
{
	static const enum stage all[] = { STAGE_RUN, STAGE_RUN, STAGE_RUN };

	(void)state;
	start("results\\RUN0001");
	assert_false(stages.goes_on || stages.is_over);
	expect_benches(all, 3);
	stages_end(&stages, MACHINE_THEN_POWEROFF);
	start("results\\RUN0002");
	assert_false(stages.goes_on || stages.is_over);
	expect_benches(all, 3);
}

static void what_was_under_way_is_said_and_left_out(void **state)
{
	static const enum stage rest[] = { STAGE_PASS, STAGE_PASS, STAGE_HUNG, STAGE_RUN };

	(void)state;
	start("results\\RUN0001");
	for (u32 i = 0; i < 3; i++)
		stages_bench(&stages);
	/* Here the power goes. */
	options.seed = 8;
	start("results\\RUN0002");
	assert_true(stages.goes_on);
	assert_string_equal(stages.before, "RUN0001");
	assert_int_equal(options.seed, 7);
	expect_benches(rest, 4);
}

/* Whenever the second start is stopped, up to its own first bench, the third has the same to say.
 */
static void a_hang_is_not_forgotten_before_its_row_is_written(void **state)
{
	static const enum stage rest[] = { STAGE_PASS, STAGE_HUNG, STAGE_RUN };

	(void)state;
	start("results\\RUN0001");
	stages_bench(&stages);
	stages_bench(&stages);
	start("results\\RUN0002");
	start("results\\RUN0003");
	stages_cpus_started(&stages);
	start("results\\RUN0004");
	assert_int_equal(stages_bench(&stages), STAGE_PASS);
	assert_int_equal(stages_bench(&stages), STAGE_HUNG);
	start("results\\RUN0005");
	expect_benches(rest, 3);
	start("results\\RUN0006");
	assert_string_equal(stages.before, "RUN0005");
	assert_int_equal(stages.first, 2);
}

static void a_way_to_start_cpus_that_hung_is_left_out_and_nothing_else(void **state)
{
	(void)state;
	start("results\\RUN0001");
	stages_rung(&stages, START_ALL);
	start("results\\RUN0002");
	assert_true(stages.goes_on && !stages.first_hung);
	assert_int_equal(stages.rungs_hung, 1u << START_ALL);
	stages_rung(&stages, START_EACH);
	start("results\\RUN0003");
	assert_int_equal(stages.rungs_hung, 1u << START_ALL | 1u << START_EACH);
	stages_rung(&stages, START_TIMER);
	stages_cpus_started(&stages);
	assert_int_equal(stages_bench(&stages), STAGE_RUN);
	/* A bench that hangs later does not bring them back. */
	start("results\\RUN0004");
	assert_int_equal(stages.rungs_hung, 1u << START_ALL | 1u << START_EACH);
	assert_int_equal(stages_bench(&stages), STAGE_HUNG);
}

/* With nobody there to choose it a second time. */
static void the_plan_that_was_chosen_in_the_menu_goes_on(void **state)
{
	(void)state;
	options.plan = PLAN_DEFAULT;
	stages_read(&stages, &options, suite_names);
	strcpy(results.folder, "results\\RUN0001");
	stages_begin(&stages, PLAN_FULL, &results);
	stages_bench(&stages);
	stages_read(&stages, &options, suite_names);
	assert_true(stages.goes_on);
	assert_int_equal(options.plan, PLAN_FULL);
}

static void other_options_begin_at_the_beginning(void **state)
{
	(void)state;
	start("results\\RUN0001");
	stages_bench(&stages);
	options.nr_cpus = 2;
	start("results\\RUN0002");
	assert_false(stages.goes_on);
	stages_bench(&stages);
	options.seed_given = true;
	options.seed = 9;
	start("results\\RUN0003");
	assert_false(stages.goes_on);
	assert_int_equal(options.seed, 9);
}

static void a_run_that_started_the_machine_again_is_over(void **state)
{
	(void)state;
	start("results\\RUN0001");
	stages_bench(&stages);
	stages_end(&stages, MACHINE_THEN_REBOOT);
	stages_read(&stages, &options, suite_names);
	assert_true(stages.is_over);
	assert_string_equal(stages.before, "RUN0001");
	options.plan = PLAN_FULL;
	stages_read(&stages, &options, suite_names);
	assert_false(stages.is_over);
}

/* A file that somebody wrote into, or that was written half: as if there were none. */
static void damaged_states_are_none(void **state)
{
	char good[512];
	size_t len;

	(void)state;
	start("results\\RUN0001");
	stages_bench(&stages);
	strcpy(good, fake.state);
	len = strlen(good);
	for (size_t i = 0; i < len; i++) {
		strcpy(fake.state, good);
		fake.state[i] = '\0';
		stages_read(&stages, &options, suite_names);
		assert_false(stages.goes_on || stages.is_over);
	}
	memset(fake.state, 'x', sizeof(fake.state));
	strcpy(fake.state + 200, " a b\n");
	stages_read(&stages, &options, suite_names);
	assert_false(stages.goes_on);
	strcpy(fake.state, good);
	stages_read(&stages, &options, suite_names);
	assert_true(stages.goes_on);
}

static void a_machine_that_keeps_no_state_runs_everything(void **state)
{
	(void)state;
	fake.keeps_state = false;
	start("results");
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(stages_bench(&stages), STAGE_RUN);
	assert_int_equal(fake.nr_states, 0);
	assert_int_equal(stages_bench(NULL), STAGE_RUN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_first_run_ever_runs_everything),
		TEST(what_was_under_way_is_said_and_left_out),
		TEST(a_hang_is_not_forgotten_before_its_row_is_written),
		TEST(a_way_to_start_cpus_that_hung_is_left_out_and_nothing_else),
		TEST(the_plan_that_was_chosen_in_the_menu_goes_on),
		TEST(other_options_begin_at_the_beginning),
		TEST(a_run_that_started_the_machine_again_is_over),
		TEST(damaged_states_are_none),
		TEST(a_machine_that_keeps_no_state_runs_everything),
	};

	return cmocka_run_group_tests_name("stages", tests, NULL, NULL);
}
