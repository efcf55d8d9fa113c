/* SPDX-License-Identifier: MIT */
#include "loop_cost.h"

#include "fault.h"
#include "machine.h"
#include "stats.h"

static u64 median(u64 *ticks)
{
	u64 scratch[LOOP_COST_ROUNDS];
	struct stats stats;

	stats_compute(&stats, ticks, scratch, LOOP_COST_ROUNDS);
	return stats.p50;
}

static bool is_bounded(const struct loop_cost *cost)
{
	return cost->passes < 0 || cost->passes > LOOP_MAX_EMPTY * (s64)(cost->empty - cost->bare);
}

static s64 bounded(const struct loop_cost *cost)
{
	if (!is_bounded(cost))
		return cost->passes;
	return cost->passes < 0 ? 0 : LOOP_MAX_EMPTY * (s64)(cost->empty - cost->bare);
}

static void find_cost(struct loop_cost *cost, u64 nr_passes)
{
	if (nr_passes == 1) {
		cost->ticks = (s64)(2 * cost->once - cost->twice);
	} else {
		cost->passes = 2 * (s64)(cost->once - cost->twice);
		cost->ticks = (s64)cost->bare + bounded(cost);
	}
	if (fault(LOOP_COST_KEPT))
		cost->ticks = 0;
}

int loop_cost_measure(struct loop_cost *ret, u64 nr_passes, loop_window_fn window, void *arg)
{
	u64 ticks[NR_LOOP_WINDOWS][LOOP_COST_ROUNDS] = { 0 };
	u32 nr_kinds = nr_passes == 1 ? LOOP_BARE : NR_LOOP_WINDOWS;
	int err = 0;

	for (u32 i = 0; i < LOOP_COST_ROUNDS && !err; i++)
		for (u32 which = 0; which < nr_kinds && !err; which++)
			err = window(arg, (enum loop_window)which, &ticks[which][i]);
	if (err)
		return err;
	*ret = (struct loop_cost){
		.once = median(ticks[LOOP_ONCE]),
		.twice = median(ticks[LOOP_TWICE]),
		.bare = median(ticks[LOOP_BARE]),
		.empty = median(ticks[LOOP_EMPTY]),
	};
	find_cost(ret, nr_passes);
	if (ret->ticks < (s64)ret->once || !(machine_caps() & MACHINE_CAP_SILICON))
		return 0;
	return -ERR_VERIFY;
}

u64 loop_cost_net(struct loop_cost *cost, u64 ticks, u64 nr_ops)
{
	s64 net = (s64)ticks - cost->ticks;

	if (net < 0) {
		cost->nr_below++;
		return 0;
	}
	return ((u64)net * 1000 + nr_ops / 2) / nr_ops;
}

s64 loop_cost_each(const struct loop_cost *cost, u64 nr_ops)
{
	s64 half = (s64)nr_ops / 2;

	return (cost->ticks * 1000 + (cost->ticks < 0 ? -half : half)) / (s64)nr_ops;
}

/* By more than a hundredth of a window: less is the clock's step, and noise. */
static bool is_bounded_much(const struct loop_cost *cost)
{
	s64 off = cost->passes - bounded(cost);

	return (off < 0 ? -off : off) > (s64)cost->once / 100;
}

void loop_cost_note(const struct bench_run *run, const struct loop_cost *cost, const char *variant)
{
	if (cost->nr_below)
		bench_note(run, "%s: %lu windows took less than the loop by itself, and show 0",
			   variant, cost->nr_below);
	/* Of an emulator two lengths say nothing worth a line. */
	if (machine_caps() & MACHINE_CAP_SILICON && is_bounded_much(cost))
		bench_note(run, "%s: two lengths differ by %s%lu ticks of %lu: modes, no loop",
			   variant, cost->passes < 0 ? "-" : "",
			   (u64)(cost->passes < 0 ? -cost->passes : cost->passes), cost->once);
}
