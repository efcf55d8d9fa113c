/* SPDX-License-Identifier: MIT */
/*
 * The files of a run: what stands in them, and what happens when they are full or the medium fails.
 */
#include "unit.h"

#include "runner_fixture.h"

static void the_headings_are_the_documented_ones(void **state)
{
	static const char want[] =
		"schema,run,suite,bench,variant,cpus,sites,unit,n,min,p50,p90,p99,p999,max,mad,"
		"floor,violations,status,reason,env,peak_low,peak_high,cancelled,smis,gap_ns,"
		"switches,ratio_begin,ratio_end\n";

	(void)state;
	run();
	assert_memory_equal(fake_file("results.csv"), want, sizeof(want) - 1);
	assert_memory_equal(fake_file("samples.csv"), "schema,run,row,i,value\n", 23);
	assert_memory_equal(fake_file("machine.csv"), "schema,run,key,value\n", 21);
}

static void raw_samples_are_in_order_of_time_and_name_their_row(void **state)
{
	struct csv_fields row;

	(void)state;
	run();
	assert_int_equal(results.samples_per_row, 256);
	assert_int_equal(count_rows("samples.csv"), 512);
	for (u32 i = 0; i < 256; i += 85) {
		char want[24];

		assert_true(read_row(&row, "samples.csv", 1 + i));
		assert_string_equal(row.field[2], "1");
		format(want, sizeof(want), "%u", 16 * i);
		assert_string_equal(row.field[3], want);
		format(want, sizeof(want), "%u", 16 * i + 3);
		assert_string_equal(row.field[4], want);
	}
	assert_true(read_row(&row, "samples.csv", 257));
	assert_string_equal(row.field[2], "2");
	assert_string_equal(row.field[3], "0");
	assert_string_equal(row.field[4], "1000");
}

static void everything_measured_is_flushed_before_the_next_bench(void **state)
{
	(void)state;
	run();
	for (u32 i = 0; i < fake.nr_files; i++)
		assert_int_equal(fake.files[i].flushed, fake.files[i].len);
}

static void a_full_samples_file_is_said_once_and_rows_go_on(void **state)
{
	const char *said;

	(void)state;
	suite.nr_benches = 3;
	run_with(8192);
	said = strstr(fake_file("log.txt"), "samples.csv is full");
	assert_non_null(said);
	assert_null(strstr(said + 1, "samples.csv is full"));
	assert_int_equal(count_rows("results.csv"), 6);
	assert_int_equal(results.nr_lost_rows, 0);
}

static void every_row_gets_its_fair_share_of_samples(void **state)
{
	struct csv_fields row;
	u32 nr_samples;

	(void)state;
	suite.nr_benches = 7;
	for (u32 i = 0; i < 7; i++)
		benches[i].per_batch = true;
	for (u32 i = 0; i < OPTIONS_MAX_BATCHES; i++)
		options.batch[options.nr_batches++] = i + 1;
	run();
	/* 4 MiB for 448 rows: less than the plan's 256 for each, so that the last row has some. */
	assert_int_equal(count_rows("results.csv"), 448);
	assert_int_equal(results.samples_per_row, (4 << 20) / 44 / 448);
	nr_samples = 448 * results.samples_per_row;
	assert_true(read_row(&row, "samples.csv", nr_samples));
	assert_string_equal(row.field[2], "448");
	assert_false(read_row(&row, "samples.csv", nr_samples + 1));
	assert_null(strstr(fake_file("log.txt"), "full"));
}

static void a_row_that_cannot_be_written_is_said_aloud_and_counted(void **state)
{
	(void)state;
	fake.write_fails = "results.csv";
	fake.write_fails_behind = 200; /* the heading and no more */
	run();
	assert_int_equal(results.nr_lost_rows, 2);
	assert_int_equal(results.nr_rows, 0);
	assert_non_null(strstr(fake.console, "LOST ROW fake/good first: results.csv: io-error"));
	assert_int_equal(count_rows("samples.csv"), 0);
	assert_int_equal(totals.nr_ok, 2); /* the screen still shows what was measured */
}

static void the_log_names_a_bench_before_it_runs(void **state)
{
	const char *log;

	(void)state;
	run();
	log = fake_file("log.txt");
	assert_non_null(strstr(log, "] begin fake/good sites=0\n"));
	assert_non_null(strstr(log, "] end fake/good sites=0 samples="));
}

static void a_full_log_says_so_and_still_gets_its_last_line(void **state)
{
	const char *said, *log;

	(void)state;
	run();
	for (u32 i = 0; i < 5000; i++)
		results_log(&results, "a line of the log that is one of too many\n");
	assert_int_equal(results_close(&results), 0);
	assert_int_equal(results_close_log(&results, "end status=0\n"), 0);
	log = fake_file("log.txt");
	said = strstr(log, "\nlog.txt is full: later lines are dropped\n");
	assert_non_null(said);
	assert_string_equal(said + 1, "log.txt is full: later lines are dropped\nend status=0\n");
	assert_non_null(strstr(fake_file("machine.csv"), ",log_cut_off,yes\n"));
}

static void too_many_facts_still_leave_room_for_the_last_one(void **state)
{
	char long_value[3000];

	(void)state;
	run();
	memset(long_value, 'x', sizeof(long_value));
	long_value[sizeof(long_value) - 1] = '\0';
	results_fact(&results, "too_long_for_a_row", long_value);
	long_value[1000] = '\0';
	for (u32 i = 0; i < 50; i++)
		results_fact(&results, "one_of_too_many", long_value);
	assert_non_null(strstr(fake_file("log.txt"), "no room for too_long_for_a_row\n"));
	assert_non_null(strstr(fake_file("log.txt"), "no room for one_of_too_many\n"));
	assert_int_equal(results_close(&results), 0);
	assert_non_null(strstr(fake_file("machine.csv"), ",rows,2\n"));
	assert_non_null(strstr(fake_file("machine.csv"), ",complete,yes\n"));
	results_close_log(&results, "end\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_headings_are_the_documented_ones),
		TEST(raw_samples_are_in_order_of_time_and_name_their_row),
		TEST(everything_measured_is_flushed_before_the_next_bench),
		TEST(a_full_samples_file_is_said_once_and_rows_go_on),
		TEST(every_row_gets_its_fair_share_of_samples),
		TEST(a_row_that_cannot_be_written_is_said_aloud_and_counted),
		TEST(the_log_names_a_bench_before_it_runs),
		TEST(a_full_log_says_so_and_still_gets_its_last_line),
		TEST(too_many_facts_still_leave_room_for_the_last_one),
	};

	return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
