/* SPDX-License-Identifier: MIT */
/*
 * The bench "refused": what breaks a rule is refused by its name, and no byte of the page is
 * written; and when the one thing that was wrong is right, the same is taken.
 * Ends with target_teardown().
 */
#ifndef SMPOKE_BENCH_REFUSED_H
#define SMPOKE_BENCH_REFUSED_H

#include "bench.h"

int refused_setup(struct bench_run *run);
int refused_sample(struct bench_run *run, u64 *values);

#endif
