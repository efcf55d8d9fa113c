/* SPDX-License-Identifier: MIT */
/*
 * A clock that a CPU holds against its own passes: what was taken from it, and when it ran new
 * code.
 *
 * The end of one pass is the beginning of the next, so no time is left out. First the clock learns
 * what a pass takes when nobody patches, in each form. From then on a pass that takes longer than
 * 99 of 100 of those counts with all that it took beyond their median.
 */
#ifndef SMPOKE_BENCH_PASS_CLOCK_H
#define SMPOKE_BENCH_PASS_CLOCK_H

#include "types.h"

#define PASS_CLOCK_QUIET 255 /* passes of each form that are learned from */

/* How one pass ran its sites. */
enum pass_form {
	PASS_OLD,
	PASS_NEW,
	PASS_MIXED,
};

/*
 * What the patcher asks for, in one word that it alone writes: the number of the window in the
 * upper bits, and the form that sites are changed to in the lowest. Window 0 is for learning.
 */
struct pass_window {
	u64 word;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct pass_quiet {
	u32 nr;
	u64 ticks[PASS_CLOCK_QUIET];
	u64 median, long_pass; /* ticks; once all have been learned */
};

/* Written by its CPU alone; read by who has waited for a pass of it since the window began. */
struct pass_clock {
	const struct pass_window *window;
	u64 end_tick; /* of the pass before; 0 = there was none */
	u64 seen; /* the word that the counts below belong to */
	u64 taken_ticks; /* all together */
	u64 longest_ticks; /* in one pass */
	u64 new_tick; /* end of the first pass throughout in the form asked for; 0 = none yet */
	u64 live_tick; /* the same, without a trap: what it ran stands in memory */
	struct pass_quiet quiet[2]; /* by form */
	u64 scratch[PASS_CLOCK_QUIET];
} __attribute__((aligned(FALSE_SHARING_BYTES)));

/* pass_window_begin() - from the next pass that ends on, clocks count anew */
void pass_window_begin(struct pass_window *window, bool new);

/* pass_clock_learned() - are there enough quiet passes in this form? */
bool pass_clock_learned(const struct pass_clock *clock, bool new);

/* pass_clock_passed() - its CPU has ended a pass, at @now. Context: that CPU. */
void pass_clock_passed(struct pass_clock *clock, enum pass_form form, bool trapped, u64 now);

#endif
