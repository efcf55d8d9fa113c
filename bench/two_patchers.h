/* SPDX-License-Identifier: MIT */
/*
 * The bench in which two CPUs change one static key: in turn, and both at once.
 */
#ifndef SMPOKE_BENCH_TWO_PATCHERS_H
#define SMPOKE_BENCH_TWO_PATCHERS_H

#include "bench.h"
#include "machine.h"

#define TWO_PATCHERS_NR_SERIES 6

extern const struct series two_patchers_series[TWO_PATCHERS_NR_SERIES];
int two_patchers_setup(struct bench_run *run);
int two_patchers_check(struct bench_run *run);
int two_patchers_sample(struct bench_run *run, u64 *values);
void two_patchers_teardown(struct bench_run *run);

/* A row of a suite's table. */
#define TWO_PATCHERS_BENCH(title)                                                                  \
	{                                                                                          \
		.name = (title), .series = two_patchers_series,                                    \
		.nr_series = TWO_PATCHERS_NR_SERIES, .needs_caps = MACHINE_CAP_SMP, .min_cpus = 2, \
		.setup = two_patchers_setup, .check = two_patchers_check,                          \
		.sample = two_patchers_sample, .teardown = two_patchers_teardown,                  \
	}

#endif
