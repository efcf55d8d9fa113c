/* SPDX-License-Identifier: MIT */
/*
 * Benches of suite `module`: a region with tables of its own, loaded and unloaded, and traps in it.
 */
#ifndef SMPOKE_BENCH_MODULE_LOADING_H
#define SMPOKE_BENCH_MODULE_LOADING_H

#include "bench.h"

#define LOADING_NR_SERIES 2
#define NAMED_TRAP_NR_SERIES 1

extern const struct series loading_series[LOADING_NR_SERIES];
extern const struct series named_trap_series[NAMED_TRAP_NR_SERIES];

int loading_setup(struct bench_run *run);
int loading_sample(struct bench_run *run, u64 *values);
int named_trap_setup(struct bench_run *run);
int named_trap_sample(struct bench_run *run, u64 *values);
void loading_teardown(struct bench_run *run); /* of both */

#endif
