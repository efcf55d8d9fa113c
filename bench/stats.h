/* SPDX-License-Identifier: MIT */
/*
 * Order statistics of raw samples, in integers. Nothing is trimmed: tails are the subject.
 */
#ifndef SMPOKE_BENCH_STATS_H
#define SMPOKE_BENCH_STATS_H

#include "types.h"

struct stats {
	u64 n, min, p50, p90, p99, p999, max;
	u64 mad; /* median absolute deviation from p50 */
};

/**
 * stats_compute() - summarise @n samples
 * @samples: sorted in place
 * @scratch: room for @n values, overwritten
 *
 * Percentiles are nearest-rank: the smallest sample with at least that share of all samples at or
 * below it, so every figure is a value that was measured. n == 0 gives all zeros.
 */
void stats_compute(struct stats *ret, u64 *samples, u64 *scratch, size_t n);

/* stats_sort() - ascending; no recursion, n log n in the worst case */
void stats_sort(u64 *samples, size_t n);

#endif
