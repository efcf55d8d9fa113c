/* SPDX-License-Identifier: MIT */
/*
 * Ways to change all sites of a toggler from one form to the other, and where the time goes: the
 * order that sites are queued in; a batch for each; everybody stopped; one aligned store for each;
 * the alias opened for a batch, for a phase, for every store.
 */
#ifndef SMPOKE_BENCH_STRATEGY_H
#define SMPOKE_BENCH_STRATEGY_H

#include "bench.h"
#include "random.h"
#include "text_patching.h"
#include "toggle.h"

#define STRATEGY_MAX_BYTES (5 * PAGE_BYTES) /* from the first site to the end of the last */

struct strategy;

/* Under text_mutex. Return: 0 or an error. */
typedef int (*strategy_fn)(struct strategy *s, bool new);

struct strategy {
	struct toggler toggler;
	strategy_fn how;
	struct random random;
	u32 order[TEXT_POKE_ARRAY_MAX]; /* in which sites are queued */
	u64 nr_syncs; /* besides the engine's, since the start */
	/* Of the change under way. */
	u64 nr_batches; /* of the engine, the last one that was noted */
	u64 open_tick, written_tick; /* without the engine; 0 = not yet */
	u64 written_ticks, over_ticks, settle_ticks;
	u8 image[STRATEGY_MAX_BYTES];
};

/* The first is ready, written and over together, and an emulator's settling on top. */
struct strategy_cost {
	u64 change_ticks; /* from before the first call until the last has returned */
	u64 ready_ticks; /* all that comes before text may be written: queued, stopped, opened */
	u64 written_ticks; /* from then to the last byte, with the syncs in between */
	u64 over_ticks; /* from then until all CPUs have serialised, or go on */
	u64 nr_syncs;
};

/* The engine: one batch in order; in random order; that order sorted first; a batch for each. */
int strategy_batch(struct strategy *s, bool new);
int strategy_unsorted(struct strategy *s, bool new);
int strategy_sorted_first(struct strategy *s, bool new);
int strategy_one_by_one(struct strategy *s, bool new);

/* stop_machine(), and all of the text by text_poke(), a page at a time */
int strategy_stop_machine(struct strategy *s, bool new);

/* One store of the aligned 8 bytes for each, and one sync. Nobody runs the sites. */
int strategy_store_8(struct strategy *s, bool new);

/* Three phases, a sync behind each; how often the alias is opened. Nobody runs the sites. */
int strategy_alias_batch(struct strategy *s, bool new);
int strategy_alias_phase(struct strategy *s, bool new);
int strategy_alias_store(struct strategy *s, bool new);

/* strategy_init() - @s is zeroed; its sites are built, and changed in this way from now on */
void strategy_init(struct strategy *s, strategy_fn how, u64 seed);

/**
 * strategy_change() - toggle(), and what it has cost
 *
 * Context: boot CPU, text_mutex free. Return: as toggle().
 */
int strategy_change(struct bench_run *run, struct strategy *s, struct strategy_cost *ret);

#endif
