/* SPDX-License-Identifier: MIT */
/*
 * Runs benches: skip or set up, check, warm up, sample to a time budget, tear down, and put rows
 * and samples on the medium before the next one begins.
 */
#ifndef SMPOKE_BENCH_RUNNER_H
#define SMPOKE_BENCH_RUNNER_H

#include "bench.h"
#include "results.h"
#include "stages.h"
#include "tags.h"

/* What a plan allows; the same for every bench. */
struct runner_plan {
	u64 budget_ns; /* of one bench; ten times that is the hard limit */
	u64 deadman_ns; /* nothing of a bench takes longer, on the slowest machine */
	u32 samples_per_row;
	size_t samples_bytes; /* of samples.csv */
};

const struct runner_plan *runner_plan(enum plan plan);

struct runner {
	const struct options *options;
	struct results *results;
	struct stages *stages; /* NULL = nobody remembers what has run */
	struct result_row *rows; /* every row so far, for the summary */
	u32 nr_rows, max_rows;
	bool has_core; /* the machine can count cycles of the core */
	u64 *samples; /* one column after the other */
	u64 *ratios; /* of each sample: cycles of the core for a million ticks; 0 = not known */
	u64 *sorted; /* one column: stats sort in place, samples.csv wants the order in time */
	u64 *scratch;
	u32 nr_runs, nr_done; /* of benches: as many as the wanted suites have, and over already */
	u64 begin; /* time stamp, when the first of them began */
};

struct runner_totals {
	u32 nr_rows, nr_ok, nr_fail, nr_skip; /* a hang counts as fail */
	u64 ns;
	u64 left_ns; /* what the others will take, if they take as long as those before; 0 = none */
};

/**
 * runner_init() - memory for all rows and for the samples of one bench
 * @list: NULL-terminated; the suites that may be run
 *
 * Sets results->samples_per_row: the plan's, or less where samples.csv could not hold all rows.
 * Return: 0 or -ERR_NOMEM.
 */
int runner_init(struct runner *runner, const struct options *options, struct results *results,
		const struct suite *const *list);
void runner_free(struct runner *runner);

/**
 * runner_run_suite() - every bench of a suite, in order
 *
 * Context: boot CPU, interrupts on. Prints failures as they come, and nothing during a sample.
 */
struct runner_totals runner_run_suite(struct runner *runner, const struct suite *suite);

#endif
