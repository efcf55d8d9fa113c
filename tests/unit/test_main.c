/* SPDX-License-Identifier: MIT */
/*
 * smpoke_main() as a whole, on a fake machine with three small suites.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "csv_read.h"
#include "fake_machine.h"
#include "format.h"
#include "smpoke.h"

/* ---- Three suites named like the real ones, so that their tables are printed ---- */

static u64 violations;
static u32 nr_benches_run;

static int setup(struct bench_run *run)
{
	nr_benches_run++;
	run->cpus = machine_nr_cpus();
	return 0;
}

static int sample_lock(struct bench_run *run, u64 *values)
{
	(void)run;
	values[0] = 18063; /* lock */
	values[1] = 5096; /* 3e */
	values[2] = 250; /* overhead */
	return 0;
}

static int sample_poke(struct bench_run *run, u64 *values)
{
	run->floor[1] = 20000;
	values[0] = 25000 + run->sites; /* total */
	values[1] = 21000; /* process */
	values[2] = 4000 + run->sites; /* queue */
	values[3] = 3; /* syncs */
	return 0;
}

static int sample_check(struct bench_run *run, u64 *values)
{
	(void)run;
	values[0] = 1;
	return 0;
}

static void teardown(struct bench_run *run)
{
	run->violations = violations;
}

static const struct series lock_series[] = { { "lock", "tsc_mcycles" },
					     { "3e", "tsc_mcycles" },
					     { "overhead", "tsc_mcycles" } };
static const struct series poke_series[] = {
	{ "total", "ns" }, { "process", "ns" }, { "queue", "ns" }, { "syncs", "count" }
};
static const struct series check_series[] = { { "probe", "count" } };

static const struct bench check_benches[] = {
	{ .name = "wx-store",
	  .series = check_series,
	  .nr_series = 1,
	  .setup = setup,
	  .sample = sample_check,
	  .teardown = teardown },
	{ .name = "alias-closed",
	  .series = check_series,
	  .nr_series = 1,
	  .needs_caps = MACHINE_CAP_RING0,
	  .setup = setup,
	  .sample = sample_check },
};
static const struct bench lock_benches[] = {
	{ .name = "inc-1line",
	  .series = lock_series,
	  .nr_series = 3,
	  .setup = setup,
	  .sample = sample_lock },
};
static const struct bench poke_benches[] = {
	{ .name = "batch",
	  .series = poke_series,
	  .nr_series = 4,
	  .per_batch = true,
	  .setup = setup,
	  .sample = sample_poke },
};

#define SUITE(title, asks, array, nr, ...)                                                         \
	{                                                                                          \
		.name = (title), .question = (asks), .benches = (array), .nr_benches = (nr),       \
		__VA_ARGS__                                                                        \
	}

static const struct suite check_suite = SUITE("check", "is it right?", check_benches, 2);
static const struct suite lock_suite = SUITE("lock", "what does LOCK cost?", lock_benches, 1);
static const struct suite poke_suite = SUITE("poke", "how long is a batch?", poke_benches, 1);
static const struct suite long_suite = SUITE("long", "how long?", lock_benches, 1,
					     .on_request = true);
const struct suite *const suites[] = { &check_suite, &lock_suite, &poke_suite, &long_suite, NULL };

/* ---- Running it ---- */

static enum machine_then then;

static int run(const char *line)
{
	const char *argv[16];
	struct smpoke_args args = { .argv = argv, .default_then = MACHINE_THEN_EXIT };
	static char words[256]; /* options that name a text point into it */

	strcpy(words, line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[args.argc++] = word;
	return smpoke_main(&args, &then);
}

static int begin(void **state)
{
	(void)state;
	fake_reset();
	violations = 0;
	nr_benches_run = 0;
	return 0;
}

static int end(void **state)
{
	(void)state;
	for (u32 i = 0; i < fake.nr_files; i++) {
		if (fake.files[i].open)
			return -1;
	}
	return fake.nr_allocated ? -1 : 0;
}

/* The value of a key in machine.csv; NULL when there is none. */
static const char *fact(const char *key)
{
	static struct csv_fields row;
	const char *text = fake_file("machine.csv");

	while (text && *text) {
		text = csv_read(&row, text);
		if (text && row.nr == 4 && !strcmp(row.field[2], key))
			return row.field[3];
	}
	return NULL;
}

static void expect_last_line(const char *text, const char *line)
{
	size_t len = strlen(text), line_len = strlen(line);

	assert_true(len > line_len && text[len - line_len - 1] == '\n');
	assert_string_equal(text + len - line_len, line);
}

static void expect_nothing_ran(void)
{
	assert_int_equal(nr_benches_run, 0);
	assert_int_equal(fake.nr_files, 0);
	assert_int_equal(fake.nr_cpus, 1);
}

/* ---- The tests ---- */

static void a_clean_run_ends_with_0_and_proves_its_files_complete(void **state)
{
	(void)state;
	assert_int_equal(run("--quick --seed 7"), SMPOKE_EXIT_OK);
	expect_last_line(fake_file("log.txt"), "end status=0\n");
	expect_last_line(fake.console, "end status=0\n");
	assert_string_equal(fact("complete"), "yes");
	/* check 1 + 1 skip, lock 3, poke 4 for each of 4 sizes */
	assert_string_equal(fact("rows"), "21");
	expect_last_line(fake_file("machine.csv"), "1,20261122-030405-host,complete,yes\n");
	assert_int_equal(fake.nr_stops, 1);
	assert_non_null(strstr(fake.console, "21 rows: 20 ok, 0 fail, 1 skip"));
	assert_non_null(strstr(fake.console, "results: out\\results/run-0007\n"));
}

static void machine_csv_says_what_the_run_was(void **state)
{
	(void)state;
	run("--quick --seed 7 --suite lock --then reboot --out somewhere");
	assert_int_equal(then, MACHINE_THEN_REBOOT);
	assert_string_equal(fake.out, "somewhere");
	assert_string_equal(fact("version"), SMPOKE_VERSION);
	assert_string_equal(fact("build"), "unknown");
	assert_string_equal(fact("compiler"), __VERSION__);
	assert_string_equal(fact("plan"), "quick");
	assert_string_equal(fact("seed"), "7");
	assert_string_equal(fact("env"), "host");
	assert_string_equal(fact("start_time_utc"), "2026-11-22T03:04:05Z");
	assert_string_equal(fact("samples_per_row_cap"), "256");
	assert_string_equal(fact("emulated"), "no");
	assert_string_equal(fact("marks"), "process interrupts-on");
	assert_string_equal(fact("cpu_brand"), "Fake CPU, \"fast\"");
	assert_string_equal(fact("options"), "--suite lock --batch 1,16,64,256 --seed 7 --quick "
					     "--out=somewhere --then reboot");
	assert_null(fact("up_reason"));
}

static void no_key_stands_twice_in_machine_csv(void **state)
{
	struct csv_fields row, other;

	(void)state;
	run("--quick");
	for (const char *text = fake_file("machine.csv"); text && *text;) {
		text = csv_read(&row, text);
		for (const char *rest = text; rest && *rest;) {
			rest = csv_read(&other, rest);
			assert_string_not_equal(row.field[2], other.field[2]);
		}
	}
}

static void a_seed_is_chosen_and_printed_when_none_is_given(void **state)
{
	char want[64];

	(void)state;
	run("--quick --suite check");
	format(want, sizeof(want), "repeat with --seed %s\n", fact("seed"));
	assert_non_null(strstr(fake.console, want));
}

static void an_emulated_run_says_so_on_its_first_line_and_in_every_place(void **state)
{
	static const char line[] = "EMULATED (tcg): not a measurement of silicon\n";

	(void)state;
	fake.env = "tcg";
	fake.caps &= ~MACHINE_CAP_SILICON;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_OK);
	assert_memory_equal(fake.console, line, sizeof(line) - 1);
	assert_memory_equal(fake_file("log.txt"), line, sizeof(line) - 1);
	assert_string_equal(fact("emulated"), "yes: not a measurement of silicon");
	assert_non_null(strstr(fake_file("results.csv"), ",ok,,tcg,"));
}

static void the_first_line_names_program_and_machine(void **state)
{
	static const char line[] = "smpoke " SMPOKE_VERSION
				   ": Fake CPU, \"fast\", 4 of 4 CPUs, host\n";

	(void)state;
	run("--quick");
	assert_memory_equal(fake.console, line, sizeof(line) - 1);
}

static void everything_on_the_screen_is_in_the_log(void **state)
{
	char *screen = fake.console;

	(void)state;
	run("--quick");
	for (char *line = strtok(screen, "\n"); line; line = strtok(NULL, "\n"))
		assert_non_null(strstr(fake_file("log.txt"), line));
}

static void the_tables_show_cycles_ratios_and_microseconds(void **state)
{
	(void)state;
	run("--quick --batch 64");
	/* 18063 / 5096 = 3.5445..., rounded once; 21000 / 20000 = 1.05 */
	assert_non_null(strstr(fake.console,
			       "inc-1line                18.06      5.10         -         -      "
			       "0.25     3.54\n"));
	assert_non_null(strstr(fake.console, "   64     25.06     25.06     4.06     3 "));
	assert_non_null(strstr(fake.console, "   1.05      0\n"));
	assert_non_null(
		strstr(fake.console, "alias-closed                     skip: needs ring0\n"));
}

static void every_line_of_the_screen_fits_80_columns(void **state)
{
	u32 column = 0;

	(void)state;
	run("--quick");
	for (const char *c = fake.console; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		assert_true(column <= 80);
	}
}

static void a_violation_makes_the_run_fail(void **state)
{
	(void)state;
	violations = 2;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_FAIL);
	expect_last_line(fake_file("log.txt"), "end status=1\n");
	assert_non_null(strstr(fake.console, "  FAIL check/wx-store: 2 violations\n"));
	assert_non_null(
		strstr(fake.console, "wx-store                         FAIL: 2 violations"));
	assert_string_equal(fact("complete"), "yes");
}

static void only_the_suites_asked_for_are_run(void **state)
{
	(void)state;
	run("--quick --suite lock");
	assert_null(strstr(fake_file("results.csv"), ",check,"));
	assert_null(strstr(fake_file("results.csv"), ",poke,"));
	assert_int_equal(nr_benches_run, 1);
}

static void a_suite_on_request_is_listed_and_runs_only_when_named(void **state)
{
	(void)state;
	run("--quick");
	assert_null(strstr(fake_file("results.csv"), ",long,"));
	assert_null(strstr(fact("options"), "long"));
	fake_reset();
	run("--quick --suite long");
	assert_non_null(strstr(fake_file("results.csv"), ",long,"));
	fake_reset();
	run("--list");
	assert_non_null(strstr(fake.console, "long: how long? (on request)\n"));
	assert_non_null(strstr(fake.console, "lock: what does LOCK cost?\n"));
}

static void wrong_options_run_nothing_and_give_one_line(void **state)
{
	(void)state;
	assert_int_equal(run("--suite foo"), SMPOKE_EXIT_USAGE);
	assert_string_equal(fake.console,
			    "smpoke: --suite foo: no such suite; there are check, lock, poke, "
			    "long\n");
	assert_int_equal(then, MACHINE_THEN_EXIT);
	expect_nothing_ran();
}

static void more_than_there_is_runs_nothing(void **state)
{
	(void)state;
	assert_int_equal(run("--cpus 5"), SMPOKE_EXIT_USAGE);
	assert_string_equal(fake.console, "smpoke: --cpus 5: this machine has 4\n");
	expect_nothing_ran();
	assert_int_equal(run("--x2apic"), SMPOKE_EXIT_MACHINE);
}

static void fewer_cpus_than_there_are_is_no_complaint(void **state)
{
	(void)state;
	assert_int_equal(run("--quick --cpus 2"), SMPOKE_EXIT_OK);
	assert_int_equal(fake.nr_cpus, 2);
	assert_null(fact("up_reason"));
}

static void cpus_that_did_not_come_are_said_and_the_run_goes_on(void **state)
{
	(void)state;
	fake.nr_come = 3;
	fake.warning = "firmware changed CR4";
	assert_int_equal(run("--quick"), SMPOKE_EXIT_OK);
	assert_non_null(strstr(fake.console, "why not more CPUs: CPU 3 did not answer\n"));
	assert_string_equal(fact("up_reason"), "CPU 3 did not answer");
	assert_non_null(strstr(fact("marks"), "cpus-missing"));
	assert_string_equal(fact("warning_1"), "firmware changed CR4");
}

static void help_version_and_list_answer_and_touch_nothing(void **state)
{
	(void)state;
	assert_int_equal(run("--help"), SMPOKE_EXIT_OK);
	assert_non_null(strstr(fake.console, "--suite"));
	fake_reset();
	assert_int_equal(run("--version"), SMPOKE_EXIT_OK);
	assert_string_equal(fake.console, "smpoke " SMPOKE_VERSION "\n");
	fake_reset();
	assert_int_equal(run("--list"), SMPOKE_EXIT_OK);
	assert_non_null(strstr(fake.console, "poke: how long is a batch?\n"));
	assert_non_null(strstr(fake.console, "wx-store"));
	expect_nothing_ran();
}

static void no_medium_measures_nothing_and_says_where_it_looked(void **state)
{
	(void)state;
	fake.open_error = -ERR_ROFS;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_MEDIUM);
	assert_string_equal(fake.console, "smpoke: results cannot be stored: volume \\results: "
					  "read-only; --no-store measures all the same\n");
	expect_nothing_ran();
}

static void a_file_that_cannot_be_made_measures_nothing(void **state)
{
	static const char *const names[] = { "results.csv", "samples.csv", "machine.csv",
					     "log.txt" };

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		begin(state);
		fake.create_fails = names[i];
		assert_int_equal(run("--quick"), SMPOKE_EXIT_MEDIUM);
		assert_non_null(strstr(fake.console, names[i]));
		assert_non_null(strstr(fake.console, "medium-full\n"));
		assert_int_equal(nr_benches_run, 0);
		assert_int_equal(end(state), 0);
	}
}

static void the_pre_flight_asks_for_all_that_it_will_preallocate(void **state)
{
	u64 sum = 0;

	(void)state;
	run("--quick");
	for (u32 i = 0; i < fake.nr_files; i++)
		sum += fake.files[i].size;
	assert_int_equal(fake.nr_files, 4);
	assert_true(fake.min_free_bytes == sum);
}

static void no_memory_or_no_engine_is_the_machines_fault(void **state)
{
	fake.alloc_fails = true;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_MACHINE);
	expect_last_line(fake_file("log.txt"), "end status=4\n");
	assert_int_equal(fake.nr_stops, 1);
	begin(state);
	fake.text_poke_error = -ERR_NOMEM;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_MACHINE);
	expect_nothing_ran();
}

static void rows_that_do_not_fit_fail_the_run_aloud(void **state)
{
	(void)state;
	fake.write_fails = "results.csv";
	fake.write_fails_behind = 600;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_FAIL);
	assert_non_null(strstr(fake.console, "LOST ROW"));
	assert_non_null(strstr(fake.console, "results are not complete"));
	assert_string_equal(fact("complete"), "no");
	expect_last_line(fake_file("log.txt"), "end status=1\n");
}

static void cpus_that_do_not_come_home_fail_the_run(void **state)
{
	(void)state;
	fake.stop_error = -ERR_TIMEOUT;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_FAIL);
	assert_string_equal(fact("stop_cpus"), "timeout");
	expect_last_line(fake_file("log.txt"), "end status=1\n");
}

static void a_clock_that_says_nothing_names_the_run_after_its_folder(void **state)
{
	(void)state;
	memset(&fake.time, 0, sizeof(fake.time));
	run("--quick --suite check");
	assert_non_null(strstr(fake_file("results.csv"), "\n1,run-0007,check,wx-store,"));
	assert_string_equal(fact("start_time_utc"), "unknown");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(a_clean_run_ends_with_0_and_proves_its_files_complete),
		TEST(machine_csv_says_what_the_run_was),
		TEST(no_key_stands_twice_in_machine_csv),
		TEST(a_seed_is_chosen_and_printed_when_none_is_given),
		TEST(an_emulated_run_says_so_on_its_first_line_and_in_every_place),
		TEST(the_first_line_names_program_and_machine),
		TEST(everything_on_the_screen_is_in_the_log),
		TEST(the_tables_show_cycles_ratios_and_microseconds),
		TEST(every_line_of_the_screen_fits_80_columns),
		TEST(a_violation_makes_the_run_fail),
		TEST(only_the_suites_asked_for_are_run),
		TEST(a_suite_on_request_is_listed_and_runs_only_when_named),
		TEST(wrong_options_run_nothing_and_give_one_line),
		TEST(more_than_there_is_runs_nothing),
		TEST(fewer_cpus_than_there_are_is_no_complaint),
		TEST(cpus_that_did_not_come_are_said_and_the_run_goes_on),
		TEST(help_version_and_list_answer_and_touch_nothing),
		TEST(no_medium_measures_nothing_and_says_where_it_looked),
		TEST(a_file_that_cannot_be_made_measures_nothing),
		TEST(the_pre_flight_asks_for_all_that_it_will_preallocate),
		TEST(no_memory_or_no_engine_is_the_machines_fault),
		TEST(rows_that_do_not_fit_fail_the_run_aloud),
		TEST(cpus_that_do_not_come_home_fail_the_run),
		TEST(a_clock_that_says_nothing_names_the_run_after_its_folder),
	};

	return cmocka_run_group_tests_name("main", tests, NULL, NULL);
}
