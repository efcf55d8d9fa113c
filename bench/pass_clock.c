/* SPDX-License-Identifier: MIT */
#include "pass_clock.h"

#include "atomic.h"
#include "stats.h"

#define WINDOW_STEP 2ull
#define WINDOW_NEW 1ull

void pass_window_begin(struct pass_window *window, bool new)
{
	u64 next = (window->word & ~WINDOW_NEW) + WINDOW_STEP;

	/* R-window: pairs with A-window. The first INT3 comes after. */
	store_release(&window->word, next | (new ? WINDOW_NEW : 0));
}

bool pass_clock_learned(const struct pass_clock *clock, bool new)
{
	return clock->quiet[new].nr == PASS_CLOCK_QUIET;
}

static void learn(struct pass_clock *clock, struct pass_quiet *quiet, u64 ticks)
{
	struct stats stats;

	if (quiet->nr == PASS_CLOCK_QUIET)
		return;
	quiet->ticks[quiet->nr] = ticks;
	if (quiet->nr + 1 == PASS_CLOCK_QUIET) {
		stats_compute(&stats, quiet->ticks, clock->scratch, PASS_CLOCK_QUIET);
		quiet->median = stats.p50;
		quiet->long_pass = stats.p99;
	}
	quiet->nr++;
}

/* A pass in both forms is held against the slower one. */
static const struct pass_quiet *quiet_of(const struct pass_clock *clock, enum pass_form form)
{
	const struct pass_quiet *old = &clock->quiet[PASS_OLD], *new = &clock->quiet[PASS_NEW];

	if (form == PASS_MIXED)
		return new->median > old->median ? new : old;
	return &clock->quiet[form];
}

static void count_taken(struct pass_clock *clock, enum pass_form form, u64 ticks)
{
	const struct pass_quiet *quiet = quiet_of(clock, form);

	if (ticks <= quiet->long_pass)
		return;
	clock->taken_ticks += ticks - quiet->median;
	if (ticks - quiet->median > clock->longest_ticks)
		clock->longest_ticks = ticks - quiet->median;
}

static void begin_counts(struct pass_clock *clock, u64 word)
{
	clock->seen = word;
	clock->taken_ticks = clock->longest_ticks = 0;
	clock->new_tick = clock->live_tick = 0;
}

void pass_clock_passed(struct pass_clock *clock, enum pass_form form, bool trapped, u64 now)
{
	/* A-window: pairs with R-window. A pass that met the INT3s of a window sees that window. */
	u64 word = load_acquire(&clock->window->word), ticks = now - clock->end_tick;
	bool first = !clock->end_tick;

	clock->end_tick = now;
	if (first)
		return;
	if (word < WINDOW_STEP) {
		if (form != PASS_MIXED && !trapped)
			learn(clock, &clock->quiet[form], ticks);
		return;
	}
	if (word != clock->seen)
		begin_counts(clock, word);
	count_taken(clock, form, ticks);
	if (form != (word & WINDOW_NEW ? PASS_NEW : PASS_OLD))
		return;
	if (!clock->new_tick)
		clock->new_tick = now;
	if (!clock->live_tick && !trapped)
		clock->live_tick = now;
}
