/* SPDX-License-Identifier: MIT */
#include "runner_rows.h"

#include "format.h"
#include "mem.h"
#include "screen.h"

#define UNIT_TICKS "tsc_mcycles"
#define UNIT_CORE "core_mcycles"

static bool is_in_ticks(const struct bench *bench, u32 series)
{
	return text_equal(bench->series[series].unit, UNIT_TICKS);
}

u32 runner_nr_rows(const struct runner *runner, const struct bench *bench)
{
	u32 nr = bench->nr_series;

	for (u32 i = 0; runner->has_core && i < bench->nr_series; i++)
		nr += is_in_ticks(bench, i);
	return nr;
}

bool runner_has_core(const struct runner *runner, const struct bench *bench)
{
	return runner_nr_rows(runner, bench) > bench->nr_series;
}

static struct result_row *new_row(struct runner *runner, const struct suite *suite,
				  const struct bench_run *run, u32 series)
{
	const struct bench *bench = run->bench;
	struct result_row *row = &runner->rows[runner->nr_rows];

	/* count() saw the same tables; the spare row at the end keeps a mistake harmless. */
	if (runner->nr_rows < runner->max_rows)
		runner->nr_rows++;
	*row = (struct result_row){
		.suite = suite->name,
		.bench = bench->name,
		.variant = bench->series[series].variant,
		.unit = bench->series[series].unit,
		.cpus = run->cpus,
		.sites = run->sites,
		.violations = run->violations,
	};
	return row;
}

static void put_row(struct runner *runner, const struct result_row *row)
{
	int error = results_row(runner->results, row);

	if (error)
		screen_say(runner->results, "LOST ROW %s/%s %s: results.csv: %s\n", row->suite,
			   row->bench, row->variant, error_name(error));
}

/* @values: of the row's samples, in the order they were taken. */
static void add_figures(struct runner *runner, struct result_row *row, const u64 *values,
			const struct outcome *outcome)
{
	row->measured = true;
	memcpy(runner->sorted, values, outcome->nr_samples * sizeof(u64));
	stats_compute(&row->stats, runner->sorted, runner->scratch, outcome->nr_samples);
	row->peaks = peaks_find(runner->sorted, outcome->nr_samples);
	row->tags = outcome->watch.tags;
}

static void report_series(struct runner *runner, const struct suite *suite,
			  const struct bench_run *run, const struct outcome *outcome, u32 series)
{
	struct result_row *row = new_row(runner, suite, run, series);

	row->status = outcome->status;
	if (outcome->measured) {
		add_figures(runner, row, &runner->samples[series * RUNNER_SAMPLES_MAX], outcome);
		row->floor = run->floor[series];
		row->cancelled = run->cancelled[series];
	}
	if (row->status != ROW_OK)
		format(row->reason, sizeof(row->reason), "%s", run->reason);
	put_row(runner, row);
}

/* In place: the ticks are on the medium already. A sample whose ratio nobody knows spoils the row.
 */
static bool to_cycles(struct runner *runner, u32 series, size_t nr)
{
	u64 *values = &runner->samples[series * RUNNER_SAMPLES_MAX];

	for (size_t i = 0; i < nr; i++) {
		if (!runner->ratios[i])
			return false;
		values[i] = tags_in_cycles(values[i], runner->ratios[i]);
	}
	return true;
}

static void report_core(struct runner *runner, const struct suite *suite,
			const struct bench_run *run, const struct outcome *outcome, u32 series)
{
	struct result_row *row = new_row(runner, suite, run, series);

	row->unit = UNIT_CORE;
	row->status = outcome->status;
	if (row->status != ROW_OK)
		format(row->reason, sizeof(row->reason), "%s", run->reason);
	if (outcome->measured && to_cycles(runner, series, outcome->nr_samples)) {
		add_figures(runner, row, &runner->samples[series * RUNNER_SAMPLES_MAX], outcome);
	} else if (row->status == ROW_OK) {
		row->status = ROW_SKIP;
		format(row->reason, sizeof(row->reason),
		       "needs a core clock that stands still for "
		       "no sample");
	}
	put_row(runner, row);
}

static void put_samples(struct runner *runner, u32 row, u32 series, size_t nr)
{
	results_samples(runner->results, row, &runner->samples[series * RUNNER_SAMPLES_MAX], nr);
}

static void flush(struct results *results)
{
	int error = results_flush(results);

	if (error)
		screen_say(results, "results cannot be stored any more: %s\n", error_name(error));
}

/* The same in cycles of the core, each row with its samples. */
static void report_cycles(struct runner *runner, const struct suite *suite,
			  const struct bench_run *run, const struct outcome *outcome)
{
	for (u32 i = 0; i < run->bench->nr_series; i++) {
		struct results *results = runner->results;
		u32 nr_lost = results->nr_lost_rows;

		if (!is_in_ticks(run->bench, i))
			continue;
		report_core(runner, suite, run, outcome, i);
		if (runner->rows[runner->nr_rows - 1].measured && results->nr_lost_rows == nr_lost)
			put_samples(runner, results->nr_rows, i, outcome->nr_samples);
	}
}

/* Rows first and on the medium at once; then the samples that stand behind them. */
void runner_report(struct runner *runner, const struct suite *suite, const struct bench_run *run,
		   const struct outcome *outcome)
{
	struct results *results = runner->results;
	u32 first = results->nr_rows + 1;
	u32 nr_lost = results->nr_lost_rows;

	for (u32 i = 0; i < run->bench->nr_series; i++)
		report_series(runner, suite, run, outcome, i);
	flush(results);
	if (outcome->measured && results->nr_lost_rows == nr_lost)
		for (u32 i = 0; i < run->bench->nr_series; i++)
			put_samples(runner, first + i, i, outcome->nr_samples);
	if (runner->has_core)
		report_cycles(runner, suite, run, outcome);
	flush(results);
}
