/* SPDX-License-Identifier: MIT */
/*
 * A suite of scripted benches, the run around it, and its files read back: for the tests of
 * bench/runner.c and bench/results.c. Included once by each of them, after unit.h.
 */
#ifndef SMPOKE_TESTS_RUNNER_FIXTURE_H
#define SMPOKE_TESTS_RUNNER_FIXTURE_H

#include <string.h>

#include "csv_read.h"
#include "fake_machine.h"
#include "format.h"
#include "runner.h"
#include "screen.h"
#include "x86.h"

#define SAMPLES_BYTES (4ul << 20) /* as plan quick has them */

enum column {
	COL_SCHEMA,
	COL_RUN,
	COL_SUITE,
	COL_BENCH,
	COL_VARIANT,
	COL_CPUS,
	COL_SITES,
	COL_UNIT,
	COL_N,
	COL_MIN,
	COL_P50,
	COL_P90,
	COL_P99,
	COL_P999,
	COL_MAX,
	COL_MAD,
	COL_FLOOR,
	COL_VIOLATIONS,
	COL_STATUS,
	COL_REASON,
	COL_ENV,
	COL_PEAK_LOW,
	COL_PEAK_HIGH,
	COL_CANCELLED,
	COL_SMIS,
	COL_GAP_NS,
	COL_SWITCHES,
	COL_RATIO_BEGIN,
	COL_RATIO_END,
	NR_COLUMNS,
};

/* ---- The benches ---- */

static struct {
	u32 nr_setups, nr_checks, nr_samples, nr_teardowns;
	u64 seed;
	u64 violations;
	int setup_error, check_error, sample_error;
	u32 sample_error_at;
	const char *reason, *teardown_reason;
	u64 burn_ticks; /* how long a sample takes at least */
	const char *trap_in; /* the step that takes a trap */
	const char *says_in; /* the step that prints a line */
} script;

static const struct machine_fault the_trap = {
	.vector = 6, .cpu = 0, .ip = 0x1234, .bytes = { 0x0f, 0x0b, 0xc3 }, .nr_bytes = 3
};

static void trap_if_in(const char *step)
{
	if (!script.trap_in || strcmp(script.trap_in, step))
		return;
	fake.in_sample = false;
	fake.mutex_held = true;
	fake_trap(&the_trap);
}

static int scripted(struct bench_run *run, int error)
{
	if (error && script.reason)
		return bench_fail(run, error, "%s", script.reason);
	return error;
}

static void say_if_in(const struct bench_run *run, const char *step)
{
	bool in_sample = fake.in_sample;

	if (!script.says_in || strcmp(script.says_in, step))
		return;
	/* Else the fake machine would end the test. */
	fake.in_sample = false;
	screen_say(run->log, "said in %s\n", step);
	bench_note(run, "noted in %s", step);
	fake.in_sample = in_sample;
}

static int setup(struct bench_run *run)
{
	say_if_in(run, "setup");
	script.nr_setups++;
	script.seed = run->seed;
	assert_null(run->priv);
	assert_int_equal(run->violations, 0);
	run->priv = &script;
	run->cpus = 2;
	assert_true(run->bench->per_batch ? run->sites > 0 : run->sites == 0);
	trap_if_in("setup");
	return scripted(run, script.setup_error);
}

static int check(struct bench_run *run)
{
	say_if_in(run, "check");
	script.nr_checks++;
	trap_if_in("check");
	return scripted(run, script.check_error);
}

static int sample(struct bench_run *run, u64 *values)
{
	u64 begin = rdtsc();

	fake.in_sample = true;
	script.nr_samples++;
	say_if_in(run, "sample");
	trap_if_in("sample");
	values[0] = script.nr_samples;
	values[1] = 1000;
	while (rdtsc() - begin < script.burn_ticks)
		;
	if (script.sample_error && script.nr_samples == script.sample_error_at) {
		fake.in_sample = false;
		return scripted(run, script.sample_error);
	}
	return 0;
}

static void teardown(struct bench_run *run)
{
	script.nr_teardowns++;
	fake.in_sample = false;
	assert_ptr_equal(run->priv, &script);
	say_if_in(run, "teardown");
	trap_if_in("teardown");
	run->floor[1] = 900;
	run->violations = script.violations;
	if (script.teardown_reason)
		bench_fail(run, 0, "%s", script.teardown_reason);
}

static const struct series two_series[] = { { "first", "ns" }, { "second, with comma", "count" } };

#define GOOD_BENCH                                                                                 \
	.name = "good", .series = two_series, .nr_series = 2, .setup = setup, .check = check,      \
	.sample = sample, .teardown = teardown

static struct bench benches[] = { { GOOD_BENCH }, { GOOD_BENCH }, { GOOD_BENCH }, { GOOD_BENCH },
				  { GOOD_BENCH }, { GOOD_BENCH }, { GOOD_BENCH } };
static struct suite suite = {
	.name = "fake",
	.question = "does the runner run?",
	.benches = benches,
	.nr_benches = 1,
};
static const struct suite *const list[] = { &suite, NULL };

/* ---- Running them ---- */

static struct options options;
static struct results results;
static struct runner runner;
static struct runner_totals totals;
static struct stages *stages; /* NULL: nobody remembers */

static int begin(void **state)
{
	static const struct bench good = { GOOD_BENCH };

	(void)state;
	fake_reset();
	fake.nr_cpus = 4;
	memset(&script, 0, sizeof(script));
	memset(&options, 0, sizeof(options));
	options.suite_wanted[0] = true;
	options.plan = PLAN_QUICK;
	options.seed = 1;
	for (u32 i = 0; i < ARRAY_SIZE(benches); i++)
		benches[i] = good;
	suite.nr_benches = 1;
	stages = NULL;
	return 0;
}

static void run_with(size_t samples_bytes)
{
	char error[256];

	assert_int_equal(results_open(&results, NULL, samples_bytes, error, sizeof(error)), 0);
	assert_int_equal(runner_init(&runner, &options, &results, list), 0);
	runner.stages = stages;
	totals = runner_run_suite(&runner, &suite);
}

static void run(void)
{
	run_with(SAMPLES_BYTES);
}

static int end(void **state)
{
	(void)state;
	fake.in_sample = false;
	if (results.files[RESULTS_MACHINE].file) {
		results_close(&results);
		results_close_log(&results, "end\n");
	}
	if (runner.rows)
		runner_free(&runner);
	return fake.nr_allocated ? -1 : 0;
}

/* Row @nr of a file, from 1; the heading is row 0. Return: false when there are not so many. */
static bool read_row(struct csv_fields *ret, const char *file, u32 nr)
{
	const char *text = fake_file(file);

	for (u32 i = 0; text && *text; i++) {
		text = csv_read(ret, text);
		if (text && i == nr)
			return true;
	}
	return false;
}

static u32 count_rows(const char *file)
{
	struct csv_fields row;
	u32 nr = 0;

	while (read_row(&row, file, nr + 1))
		nr++;
	return nr;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static __attribute__((unused)) void expect_empty(const struct csv_fields *row, enum column first,
						 enum column last)
{
	for (u32 i = first; i <= last; i++)
		assert_string_equal(row->field[i], "");
}

#endif
