/* SPDX-License-Identifier: MIT */
/*
 * A primitive that several CPUs want at once: benches of suite `primitives`.
 *
 * Whether it excludes is asked in each round: what the holders have counted, without a LOCK, must
 * be what was done. The check first takes the first LOCK out, then all of them, and must see that
 * fail each time, or it could not see it.
 */
#ifndef SMPOKE_BENCH_CONTENDED_H
#define SMPOKE_BENCH_CONTENDED_H

#include "bench.h"
#include "primitive.h"

#define CONTENDED_NR_SERIES 2
extern const struct series contended_series[CONTENDED_NR_SERIES];

/* The param. run->cpus CPUs take part. */
struct contended_subject {
	enum primitive primitive;
	bool has_writer; /* CPU 0 writes what the others read */
};

int contended_setup(struct bench_run *run);
int contended_check(struct bench_run *run);
int contended_sample(struct bench_run *run, u64 *values);
void contended_teardown(struct bench_run *run);

#endif
