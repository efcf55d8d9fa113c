/* SPDX-License-Identifier: MIT */
/*
 * What a loop costs besides what stands in it: the part that does not grow with its length.
 *
 * An empty loop would be another loop: it overlaps with nothing, while the branch of a full one may
 * hide behind its operations, or hold them up. So the same body is timed at two lengths, N
 * operations in a pass and 2N. It is one number, of medians, taken off every sample: tails stay.
 *
 * Where there are many passes, the long body makes half as many: both windows hold the same
 * operations and last as long, and what is between them is half of what the passes cost. A window
 * of twice the time would not do: a CPU may fall from one mode of an instruction into another on
 * the way, and does so the more, the longer it takes. What comes once, the call and the time
 * stamps, is then a window of one pass without operations. Where there is one pass only, both have
 * that, and twice the short window without the long one leaves all of it.
 *
 * A CPU may also run the two bodies in different modes for good. That difference is no loop's, and
 * would be taken for one twice over; so passes count as 0 at least, and as LOOP_MAX_EMPTY times
 * those of the empty loop at most. Where that was far off, the log says so.
 */
#ifndef SMPOKE_BENCH_LOOP_COST_H
#define SMPOKE_BENCH_LOOP_COST_H

#include "bench.h"
#include "types.h"

#define LOOP_COST_ROUNDS 65
#define LOOP_MAX_EMPTY 8

struct loop_cost {
	u64 once, twice; /* ticks: the median window with N operations in a pass, and with 2N */
	u64 bare, empty; /* and of one pass without any, and of as many as in a sample */
	s64 passes; /* what the two lengths say that the passes cost, before any bound */
	s64 ticks; /* of a window with N that are the loop's; may be below 0 */
	u64 nr_below; /* windows so far that took less than that */
};

enum loop_window {
	LOOP_ONCE, /* as it is sampled */
	LOOP_TWICE, /* 2N operations in a pass, and half the passes unless there is one only */
	LOOP_BARE, /* one pass without operations; this and the next only when there are more */
	LOOP_EMPTY, /* as many as in a sample without operations */
	NR_LOOP_WINDOWS,
};

/* Times a window. Return: 0, or an error, which ends it. */
typedef int (*loop_window_fn)(void *arg, enum loop_window which, u64 *ret_ticks);

/**
 * loop_cost_measure() - windows of each kind in turn, so that a drift hits all alike
 * @nr_passes: of a sample; 1, or a multiple of 2
 *
 * Context: set-up. Return: 0; -ERR_VERIFY when the loop would take all of the time and leave
 * nothing to the operations, which only an emulator may do without; what @window returned.
 */
int loop_cost_measure(struct loop_cost *ret, u64 nr_passes, loop_window_fn window, void *arg);

/**
 * loop_cost_net() - one of the @nr_ops operations of a window with N in a pass
 *
 * Return: thousandths of a tick, rounded. 0 where the window took less than the loop by itself,
 * which is counted: it must not happen unseen.
 */
u64 loop_cost_net(struct loop_cost *cost, u64 ticks, u64 nr_ops);

/* loop_cost_note() - says in the log how many windows were below, if any, and what was bounded */
void loop_cost_note(const struct bench_run *run, const struct loop_cost *cost, const char *variant);

/* loop_cost_each() - what loop_cost_net() takes off each, in thousandths of a tick */
s64 loop_cost_each(const struct loop_cost *cost, u64 nr_ops);

#endif
