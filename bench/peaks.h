/* SPDX-License-Identifier: MIT */
/*
 * Does a distribution have two peaks? A median between two modes is a figure that never was.
 */
#ifndef SMPOKE_BENCH_PEAKS_H
#define SMPOKE_BENCH_PEAKS_H

#include "types.h"

#define PEAKS_MIN_SAMPLES 20

/* Both 0: one peak, or too few samples to say. */
struct peaks {
	u64 low, high; /* where the samples stand closest */
};

/**
 * peaks_find() - the two peaks of sorted samples
 *
 * A peak is where a tenth of all samples stands within the narrowest span; so what fewer do is a
 * tail. Two are told apart when between them a tenth takes PEAKS_VALLEY times the span that it
 * takes in either. A span counts as a hundredth of the median at least, and as the smallest step
 * between two samples, so that a clock's steps do not make two peaks of one.
 */
struct peaks peaks_find(const u64 *sorted, size_t n);

#define PEAKS_VALLEY 4

#endif
