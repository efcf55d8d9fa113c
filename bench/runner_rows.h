/* SPDX-License-Identifier: MIT */
/*
 * From the samples of a bench to its rows: on the medium at once, the samples behind them.
 */
#ifndef SMPOKE_BENCH_RUNNER_ROWS_H
#define SMPOKE_BENCH_RUNNER_ROWS_H

#include "runner.h"

/* How a bench ended, for its rows. */
struct outcome {
	enum row_status status;
	bool measured;
	size_t nr_samples;
	struct tag_watch watch;
};

#define RUNNER_SAMPLES_MAX 4096u

/* runner_nr_rows() - of a bench that is run once: its series, some of them twice */
u32 runner_nr_rows(const struct runner *runner, const struct bench *bench);

/* runner_has_core() - the bench has a series in ticks, and there are cycles to say it in */
bool runner_has_core(const struct runner *runner, const struct bench *bench);

void runner_report(struct runner *runner, const struct suite *suite, const struct bench_run *run,
		   const struct outcome *outcome);

#endif
