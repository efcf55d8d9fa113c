/* SPDX-License-Identifier: MIT */
/*
 * How long it takes to switch thousands of LOCK prefixes to UP form and back: benches of suite
 * `switch`.
 */
#ifndef SMPOKE_BENCH_SWITCH_TIME_H
#define SMPOKE_BENCH_SWITCH_TIME_H

#include "bench.h"

enum switch_how {
	SWITCH_SWEEP, /* alternatives_smp_unlock() and _lock() */
	SWITCH_SWEEP_FLUSHED, /* with text and table out of the caches before */
	SWITCH_POKE_EACH, /* a text_poke() for each */
};

/* The param of such a bench. */
struct switch_time {
	u32 nr_sites, stride_bytes;
	enum switch_how how;
};

#define SWITCH_TIME_NR_SERIES 2
extern const struct series switch_time_series[SWITCH_TIME_NR_SERIES];

/* run->priv is a struct region: its tear-down is region_run_teardown(). */
int switch_time_setup(struct bench_run *run);
int switch_time_check(struct bench_run *run);
int switch_time_sample(struct bench_run *run, u64 *values);

#endif
