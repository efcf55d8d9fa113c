/* SPDX-License-Identifier: MIT */
/*
 * A primitive that several CPUs want at once: benches of suite `primitives`.
 *
 * Whether it excludes is asked in each round: what the holders have counted, without a LOCK, must
 * be what was done. The check first takes the LOCKs out and must see that fail, or it could not see
 * it.
 */
#ifndef SMPOKE_BENCH_CONTENDED_H
#define SMPOKE_BENCH_CONTENDED_H

#include "bench.h"

#define CONTENDED_NR_SERIES 2
extern const struct series contended_series[CONTENDED_NR_SERIES];

/* The param is an enum primitive. run->cpus CPUs take part. */
int contended_setup(struct bench_run *run);
int contended_check(struct bench_run *run);
int contended_sample(struct bench_run *run, u64 *values);
void contended_teardown(struct bench_run *run);

#endif
