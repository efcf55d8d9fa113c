/* SPDX-License-Identifier: MIT */
/*
 * A table of benches that go well or wrong in every way, through the real runner onto a fake
 * machine; what counts is the text of the files.
 */
#include "unit.h"

#include "runner_fixture.h"

/* Both rows of the one bench: no figures, this status and reason. */
static void expect_no_figures(const char *status, const char *reason)
{
	struct csv_fields row;

	for (u32 nr = 1; nr <= 2; nr++) {
		assert_true(read_row(&row, "results.csv", nr));
		assert_int_equal(row.nr, NR_COLUMNS);
		expect_empty(&row, COL_N, COL_VIOLATIONS);
		assert_string_equal(row.field[COL_STATUS], status);
		assert_string_equal(row.field[COL_REASON], reason);
	}
	assert_int_equal(count_rows("results.csv"), 2);
	assert_int_equal(count_rows("samples.csv"), 0);
}

/* ---- The tests ---- */

static void a_good_bench_gives_a_full_row_for_each_series(void **state)
{
	static const char *const want[] = {
		"1", "20261122-030405-host", "fake", "good", "second, with comma", "2", "0", "count"
	};
	struct csv_fields row;
	char number[24];

	(void)state;
	run();
	assert_int_equal(count_rows("results.csv"), 2);
	assert_true(read_row(&row, "results.csv", 2));
	assert_int_equal(row.nr, NR_COLUMNS);
	for (u32 i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(row.field[i], want[i]);
	for (u32 i = COL_MIN; i <= COL_MAX; i++)
		assert_string_equal(row.field[i], "1000");
	assert_string_equal(row.field[COL_MAD], "0");
	assert_string_equal(row.field[COL_FLOOR], "900");
	assert_string_equal(row.field[COL_VIOLATIONS], "0");
	assert_string_equal(row.field[COL_STATUS], "ok");
	assert_string_equal(row.field[COL_REASON], "");
	assert_string_equal(row.field[COL_ENV], "host");

	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_FLOOR], ""); /* none was set */
	/* Two warm-ups are thrown away, so that the first value kept is 3. */
	assert_string_equal(row.field[COL_MIN], "3");
	format(number, sizeof(number), "%u", script.nr_samples);
	assert_string_equal(row.field[COL_MAX], number);
	format(number, sizeof(number), "%u", script.nr_samples - 2);
	assert_string_equal(row.field[COL_N], number);
	assert_true(totals.nr_rows == 2 && totals.nr_ok == 2 && !totals.nr_fail && !totals.nr_skip);
	assert_true(script.nr_setups == 1 && script.nr_checks == 1 && script.nr_teardowns == 1);
}

static void sampling_stops_at_the_storage(void **state)
{
	(void)state;
	run();
	assert_int_equal(runner.rows[0].stats.n, 4096);
}

/*
 * A sample takes a quarter of the budget or more, so that the budget is spent after four. On a busy
 * machine the hard limit may end it before the twentieth, and then the time must have passed.
 */
static void a_slow_bench_still_gets_its_least_number_of_samples(void **state)
{
	const u64 budget = 1000000;
	u64 begin = rdtsc(), nr;

	(void)state;
	script.burn_ticks = budget / 4;
	fake.budget_ticks = budget;
	run();
	nr = runner.rows[0].stats.n;
	assert_true(nr <= 20);
	assert_true(nr == 20 || rdtsc() - begin >= 10 * budget);
}

static void a_very_slow_bench_is_ended_at_the_hard_limit(void **state)
{
	(void)state;
	script.burn_ticks = 1000;
	fake.budget_ticks = 1;
	run();
	assert_int_equal(runner.rows[0].stats.n, 1);
	assert_int_equal(runner.rows[0].status, ROW_OK);
}

/* However short the budget, or however long: what is asked for is what is taken. */
static void a_bench_that_asks_for_samples_gets_exactly_those(void **state)
{
	(void)state;
	benches[0].nr_samples = 7;
	fake.budget_ticks = 1;
	script.burn_ticks = 1000;
	run();
	assert_int_equal(runner.rows[0].stats.n, 7);
	assert_int_equal(script.nr_samples, 7 + 2);
}

static void more_samples_than_there_is_room_for_fail_the_bench(void **state)
{
	(void)state;
	benches[0].nr_samples = 5000;
	run();
	assert_int_equal(runner.rows[0].status, ROW_FAIL);
	assert_int_equal(script.nr_samples, 0);
}

static void a_failed_check_leaves_reason_and_no_figures(void **state)
{
	(void)state;
	script.check_error = -ERR_VERIFY;
	script.reason = "wrong result, \"5\"";
	run();
	expect_no_figures("fail", "wrong result, \"5\"");
	assert_int_equal(script.nr_samples, 0);
	assert_int_equal(script.nr_teardowns, 1);
	assert_int_equal(totals.nr_fail, 2);
	assert_non_null(strstr(fake.console, "FAIL fake/good: wrong result"));
}

static void a_failed_set_up_is_still_torn_down(void **state)
{
	(void)state;
	script.setup_error = -ERR_NOMEM;
	run();
	expect_no_figures("fail", "set-up: no-memory");
	assert_int_equal(script.nr_checks, 0);
	assert_int_equal(script.nr_teardowns, 1);
}

static void unsupported_in_set_up_or_check_is_a_skip(void **state)
{
	(void)state;
	script.setup_error = -ERR_UNSUPPORTED;
	script.reason = "no protection keys";
	run();
	expect_no_figures("skip", "no protection keys");
	assert_int_equal(totals.nr_skip, 2);
	assert_int_equal(script.nr_teardowns, 1);
}

static void an_error_in_the_middle_leaves_no_figures(void **state)
{
	(void)state;
	script.sample_error = -ERR_FAULT;
	script.sample_error_at = 10;
	script.reason = "trap 6 on CPU 2";
	run();
	expect_no_figures("fail", "trap 6 on CPU 2");
	assert_int_equal(script.nr_samples, 10);
	assert_int_equal(script.nr_teardowns, 1);
}

static void an_error_while_warming_up_counts_too(void **state)
{
	(void)state;
	script.sample_error = -ERR_FAULT;
	script.sample_error_at = 1;
	run();
	expect_no_figures("fail", "sample: trap");
}

static void a_cpu_that_does_not_answer_is_a_hang(void **state)
{
	(void)state;
	script.sample_error = -ERR_TIMEOUT;
	script.sample_error_at = 5;
	run();
	expect_no_figures("hang", "sample: timeout");
	assert_int_equal(totals.nr_fail, 2);
}

static void violations_fail_the_rows_and_are_counted_in_them(void **state)
{
	struct csv_fields row;

	(void)state;
	script.violations = 3;
	run();
	assert_true(read_row(&row, "results.csv", 2));
	assert_string_equal(row.field[COL_STATUS], "fail");
	assert_string_equal(row.field[COL_REASON], "3 violations");
	assert_string_equal(row.field[COL_VIOLATIONS], "3");
	assert_string_equal(row.field[COL_P50], "1000");
	assert_int_equal(totals.nr_fail, 2);
}

static void violations_found_by_a_failed_check_are_not_lost(void **state)
{
	struct csv_fields row;

	(void)state;
	script.check_error = -ERR_VERIFY;
	script.reason = "victim ran a torn instruction";
	script.violations = 2;
	run();
	assert_true(read_row(&row, "results.csv", 1));
	expect_empty(&row, COL_N, COL_FLOOR);
	assert_string_equal(row.field[COL_VIOLATIONS], "2");
	assert_string_equal(row.field[COL_REASON], "victim ran a torn instruction");
}

static void a_reason_given_at_tear_down_fails_the_rows(void **state)
{
	struct csv_fields row;

	(void)state;
	script.teardown_reason = "CPU 1 died";
	run();
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_STATUS], "fail");
	assert_string_equal(row.field[COL_REASON], "CPU 1 died");
}

static void violations_keep_the_reason_given_at_tear_down(void **state)
{
	(void)state;
	script.teardown_reason = "CPU 1 died";
	script.violations = 1;
	run();
	assert_string_equal(runner.rows[0].reason, "1 violations: CPU 1 died");
}

static void a_missing_capability_is_named_and_nothing_is_called(void **state)
{
	struct csv_fields row;

	(void)state;
	benches[0].needs_caps = MACHINE_CAP_SMP | MACHINE_CAP_RING0;
	run();
	expect_no_figures("skip", "needs ring0");
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_CPUS], "");
	assert_true(!script.nr_setups && !script.nr_teardowns);
	assert_null(strstr(fake.console, "FAIL"));
}

static void too_few_cpus_is_a_skip_that_says_how_many(void **state)
{
	(void)state;
	benches[0].min_cpus = 5;
	run();
	expect_no_figures("skip", "needs 5 CPUs");
}

static void lost_cpus_do_not_count(void **state)
{
	(void)state;
	benches[0].min_cpus = 4;
	fake.lost_cpus = 1u << 2;
	run();
	expect_no_figures("skip", "needs 4 CPUs");
}

static void a_bench_per_batch_runs_once_for_each_size_asked_for(void **state)
{
	struct csv_fields row;

	(void)state;
	suite.nr_benches = 1;
	benches[0].per_batch = true;
	options.batch[0] = 32;
	options.batch[1] = 64;
	options.nr_batches = 2;
	run();
	assert_int_equal(count_rows("results.csv"), 4);
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_SITES], "32");
	assert_true(read_row(&row, "results.csv", 4));
	assert_string_equal(row.field[COL_SITES], "64");
	assert_non_null(strstr(fake_file("log.txt"), "begin fake/good sites=64"));
}

/* The fixture's set-up says 2; what counts here is how often, and what the runner had said before.
 */
static u32 asked_cpus[8], nr_asked;

static int note_cpus(struct bench_run *run)
{
	assert_in_range(nr_asked, 0, ARRAY_SIZE(asked_cpus) - 1);
	asked_cpus[nr_asked++] = run->cpus;
	return setup(run);
}

static void expect_asked(void **state, u32 nr_cpus, u32 caps, const u32 *asked, u32 nr)
{
	assert_int_equal(end(state), 0);
	begin(state);
	nr_asked = 0;
	benches[0].per_cpus = true;
	benches[0].setup = note_cpus;
	fake.nr_cpus = nr_cpus;
	fake.caps = caps;
	run();
	assert_int_equal(nr_asked, nr);
	assert_int_equal(count_rows("results.csv"), 2 * nr);
	assert_memory_equal(asked_cpus, asked, nr * sizeof(u32));
}

static void a_bench_per_cpus_runs_once_for_each_number_of_them(void **state)
{
	static const struct {
		u32 nr_cpus, nr;
		u32 asked[5];
	} cases[] = {
		{ 1, 1, { 0 } },
		{ 2, 1, { 2 } },
		{ 3, 2, { 2, 3 } },
		{ 4, 3, { 2, 3, 4 } },
		{ 5, 4, { 2, 3, 4, 5 } },
		{ 8, 4, { 2, 3, 4, 8 } },
		{ 9, 5, { 2, 3, 4, 8, 9 } },
	};

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++)
		expect_asked(state, cases[i].nr_cpus, MACHINE_CAP_SMP | MACHINE_CAP_SILICON,
			     cases[i].asked, cases[i].nr);
}

/* Its CPUs may be more than those that it runs on. */
static void of_an_emulator_it_asks_for_two(void **state)
{
	static const u32 two = 2, none;

	expect_asked(state, 9, MACHINE_CAP_SMP, &two, 1);
	expect_asked(state, 1, 0, &none, 1);
}

static void a_bench_of_a_longer_plan_leaves_no_row(void **state)
{
	(void)state;
	suite.nr_benches = 3;
	benches[0].min_plan = PLAN_DEFAULT;
	benches[2].min_plan = PLAN_FULL;
	run();
	assert_int_equal(count_rows("results.csv"), 2);
	end(state);
	begin(state);
	suite.nr_benches = 3;
	benches[0].min_plan = PLAN_DEFAULT;
	benches[2].min_plan = PLAN_FULL;
	options.plan = PLAN_DEFAULT;
	fake.budget_ticks = 1;
	run();
	assert_int_equal(count_rows("results.csv"), 4);
}

/* A budget of hours, and a share of it that one sample uses up: no load changes what comes out. */
static void a_share_of_the_budget_is_kept(void **state)
{
	(void)state;
	script.burn_ticks = 20000;
	fake.budget_ticks = 40000000000000;
	suite.nr_benches = 2;
	benches[1].budget_share = UINT32_MAX;
	run();
	assert_int_equal(runner.rows[0].stats.n, 4096);
	assert_int_equal(runner.rows[2].stats.n, 20);
}

static void a_wrong_row_in_the_table_of_benches_is_said_and_not_run(void **state)
{
	(void)state;
	benches[0].sample = NULL;
	run();
	expect_no_figures("fail", "its row in the table of benches is wrong");
}

static void seeds_differ_between_benches_and_repeat_between_runs(void **state)
{
	u64 first, second;

	(void)state;
	run();
	first = script.seed;
	end(NULL);
	begin(NULL);
	run();
	assert_true(first == script.seed);
	end(NULL);
	begin(NULL);
	benches[0].name = "gooe";
	run();
	second = script.seed;
	assert_true(first != second);
	end(NULL);
	begin(NULL);
	options.seed = 2;
	run();
	assert_true(first != script.seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_good_bench_gives_a_full_row_for_each_series),
		TEST(sampling_stops_at_the_storage),
		TEST(a_slow_bench_still_gets_its_least_number_of_samples),
		TEST(a_very_slow_bench_is_ended_at_the_hard_limit),
		TEST(a_bench_that_asks_for_samples_gets_exactly_those),
		TEST(more_samples_than_there_is_room_for_fail_the_bench),
		TEST(a_failed_check_leaves_reason_and_no_figures),
		TEST(a_failed_set_up_is_still_torn_down),
		TEST(unsupported_in_set_up_or_check_is_a_skip),
		TEST(an_error_in_the_middle_leaves_no_figures),
		TEST(an_error_while_warming_up_counts_too),
		TEST(a_cpu_that_does_not_answer_is_a_hang),
		TEST(violations_fail_the_rows_and_are_counted_in_them),
		TEST(violations_found_by_a_failed_check_are_not_lost),
		TEST(a_reason_given_at_tear_down_fails_the_rows),
		TEST(violations_keep_the_reason_given_at_tear_down),
		TEST(a_missing_capability_is_named_and_nothing_is_called),
		TEST(too_few_cpus_is_a_skip_that_says_how_many),
		TEST(lost_cpus_do_not_count),
		TEST(a_bench_per_batch_runs_once_for_each_size_asked_for),
		TEST(a_bench_per_cpus_runs_once_for_each_number_of_them),
		TEST(of_an_emulator_it_asks_for_two),
		TEST(a_bench_of_a_longer_plan_leaves_no_row),
		TEST(a_share_of_the_budget_is_kept),
		TEST(a_wrong_row_in_the_table_of_benches_is_said_and_not_run),
		TEST(seeds_differ_between_benches_and_repeat_between_runs),
	};

	return cmocka_run_group_tests_name("runner", tests, NULL, NULL);
}
