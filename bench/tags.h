/* SPDX-License-Identifier: MIT */
/*
 * What may have disturbed the samples of a row. Rows are tagged with it, and never dropped.
 */
#ifndef SMPOKE_BENCH_TAGS_H
#define SMPOKE_BENCH_TAGS_H

#include "machine_noise.h"
#include "types.h"

/* 0 with the flag beside it false: this machine cannot tell. */
struct row_tags {
	bool has_smis, has_switches, has_ratio;
	u64 smis; /* system management interrupts while the samples were taken */
	u64 switches; /* how often the system took the CPU away meanwhile */
	u64 gap_ns; /* the longest time between two looks at the clock, just before and just after
		     */
	u64 ratio_begin,
		ratio_end; /* cycles of the core for 1000 ticks, just before and just after */
};

struct tag_watch {
	struct row_tags tags;
	u64 gap_ticks;
};

/**
 * tags_begin() - look at the clock for a fraction of a millisecond, then begin to count
 * tags_end() - the other way round; @watch->tags are complete then
 *
 * As hwlat does: nothing is done between two looks, with interrupts off where that is possible, so
 * what is between them was taken by somebody else. Context: boot CPU, around a set of samples.
 */
void tags_begin(struct tag_watch *watch);
void tags_end(struct tag_watch *watch);

#define TAGS_RATIO_ONE 1000000 /* as many cycles as ticks */

/**
 * tags_ratio() - cycles of the core for a million ticks between two looks
 * Return: 0 when none have passed.
 */
u64 tags_ratio(const struct core_cycles *before, const struct core_cycles *after);

/* tags_in_cycles() - @ticks of a time in which the core ran at @ratio */
u64 tags_in_cycles(u64 ticks, u64 ratio);

#endif
