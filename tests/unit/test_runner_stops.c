/* SPDX-License-Identifier: MIT */
/*
 * What may end a bench before its time: a trap, a CPU that dies, the power, a hang. The others go
 * on.
 */
#include "unit.h"

#include "runner_fixture.h"

static void what_hung_in_the_run_before_is_a_row_and_what_came_before_is_none(void **state)
{
	struct stages before = { .first = 1, .first_hung = true };
	struct csv_fields row;

	(void)state;
	stages = &before;
	suite.nr_benches = 3;
	benches[0].name = "first";
	benches[1].name = "second";
	run();
	assert_int_equal(count_rows("results.csv"), 4);
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_BENCH], "second");
	assert_string_equal(row.field[COL_STATUS], "hang");
	assert_string_equal(row.field[COL_REASON],
			    "it was under way when the run before this one stopped");
	expect_empty(&row, COL_N, COL_VIOLATIONS);
	assert_true(read_row(&row, "results.csv", 3));
	assert_string_equal(row.field[COL_BENCH], "good");
	assert_int_equal(script.nr_setups, 1);
	assert_int_equal(totals.nr_fail, 2);
}

static void what_is_about_to_run_is_known_and_has_its_deadline(void **state)
{
	struct stages kept = { .kept = true, .run = "RUN0007" };

	(void)state;
	fake.keeps_state = true;
	stages = &kept;
	suite.nr_benches = 2;
	run();
	assert_int_equal(fake.nr_states, 2);
	assert_non_null(strstr(fake.states[0], " RUN0007 "));
	assert_non_null(strstr(fake.states[0], " 0 bench\n"));
	assert_non_null(strstr(fake.states[1], " 1 bench\n"));
	assert_int_equal(fake.deadman_ns, 120 * NSEC_PER_SEC);
	fake.deadman(fake.deadman_ctx, "no end: the machine is started again");
	assert_non_null(strstr(fake_file("log.txt"), "] no end: the machine is started again\n"));
}

static void a_dead_cpu_is_said_and_the_next_bench_does_without_it(void **state)
{
	struct csv_fields row;

	(void)state;
	benches[1].min_cpus = 4;
	suite.nr_benches = 2;
	fake.nr_cpus = 4;
	fake.dead_cpus = 1;
	run();
	assert_non_null(strstr(fake.console, "fake/good: 1 CPU stopped by a trap, 3 left"));
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_STATUS], "ok");
	assert_true(read_row(&row, "results.csv", 3));
	assert_string_equal(row.field[COL_REASON], "needs 4 CPUs");
}

static void a_trap_in_any_step_fails_its_bench_and_no_other(void **state)
{
	static const char *const steps[] = { "setup", "check", "sample", "teardown" };
	struct csv_fields row;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(steps); i++) {
		benches[1].name = "next";
		suite.nr_benches = 2;
		script.trap_in = steps[i];
		run();
		assert_true(read_row(&row, "results.csv", 1));
		expect_empty(&row, COL_N, COL_FLOOR);
		assert_string_equal(row.field[COL_STATUS], "fail");
		assert_string_equal(row.field[COL_REASON],
				    "vector 6 (#UD) on cpu 0 at 0x1234: 0f 0b, 2 bytes, other");
		/* The lock it held is free again, it was torn down, and the next one ran as well.
		 */
		assert_false(fake.mutex_held);
		assert_int_equal(script.nr_teardowns, 2);
		assert_true(read_row(&row, "results.csv", 3));
		assert_string_equal(row.field[COL_BENCH], "next");
		end(NULL);
		begin(NULL);
	}
}

static void cpus_that_cannot_be_had_for_a_bench_cost_its_rows(void **state)
{
	struct csv_fields row;

	(void)state;
	fake.stage_error = -ERR_TIMEOUT;
	run();
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_STATUS], "hang");
	assert_string_equal(row.field[COL_REASON], "stage: timeout");
	expect_empty(&row, COL_N, COL_VIOLATIONS);
	assert_int_equal(script.nr_setups, 0);
	assert_int_equal(totals.nr_fail, 2);
	end(NULL);
	begin(NULL);
	fake.stage_error = -ERR_BUSY;
	run();
	assert_true(read_row(&row, "results.csv", 1));
	assert_string_equal(row.field[COL_STATUS], "fail");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_hung_in_the_run_before_is_a_row_and_what_came_before_is_none),
		TEST(what_is_about_to_run_is_known_and_has_its_deadline),
		TEST(a_dead_cpu_is_said_and_the_next_bench_does_without_it),
		TEST(a_trap_in_any_step_fails_its_bench_and_no_other),
		TEST(cpus_that_cannot_be_had_for_a_bench_cost_its_rows),
	};

	return cmocka_run_group_tests_name("runner_stops", tests, NULL, NULL);
}
