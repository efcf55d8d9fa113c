/* SPDX-License-Identifier: MIT */
/*
 * What a suite is made of, and the run that carries it.
 *
 * A bench is one row of a static table: name, what it needs, set-up, check, sample, tear-down. One
 * sample yields one value for each of its series, and each series becomes a row of results.csv. So
 * forms that are to be compared are sampled in turn, and a drift of the machine hits all of them.
 */
#ifndef SMPOKE_BENCH_BENCH_H
#define SMPOKE_BENCH_BENCH_H

#include "options.h"
#include "types.h"

#define BENCH_MAX_SERIES 24
#define BENCH_REASON_BYTES 160

/* One row of results.csv in the making: its variant and its unit. */
struct series {
	const char *variant;
	const char *unit; /* docs/results.md lists all units */
};

struct bench;
struct results;

/* State of the bench under way; the runner zeroes it before set-up. */
struct bench_run {
	const struct bench *bench;
	const struct options *options;
	u32 cpus; /* taking part, this one included; set by set-up, or by the runner for per_cpus */
	u32 sites; /* for results.csv; set by set-up, or by the runner for per_batch */
	u64 seed; /* differs from bench to bench, follows from --seed */
	u64 floor[BENCH_MAX_SERIES]; /* 0 = none; may be set any time before tear-down */
	s64 cancelled[BENCH_MAX_SERIES]; /* taken off every sample, in its unit; 0 = nothing */
	u64 violations; /* of the invariants this bench watches */
	char reason[BENCH_REASON_BYTES]; /* why it failed or was skipped */
	void *priv; /* the suite's own */
	struct results *log; /* for bench_note() */
};

struct bench {
	const char *name;
	const struct series *series;
	u32 nr_series;
	enum plan min_plan; /* left out of shorter plans: no row there */
	u32 needs_caps; /* all of these, or every row is a skip that names the missing one */
	u32 min_cpus; /* 0 and 1: any */
	const void *param;
	u32 budget_share; /* takes one part in so many of the plan's budget; 0 = all of it */
	u32 nr_samples; /* exactly so many, however long they take; 0 = as many as the plan has time
			   for */
	bool per_batch; /* run once for each size of --batch, with run->sites set before set-up */
	bool per_cpus; /* run once for each number of CPUs from 2 to all, run->cpus set before
			  set-up; above 4 each power of two, and all; of an emulator 2 */

	/*
	 * Build the subject. Return: 0, or an error with run->reason set. -ERR_UNSUPPORTED = skip.
	 */
	int (*setup)(struct bench_run *run);
	/* Prove in this boot that the subject does what it should. Same returns. Not timed. */
	int (*check)(struct bench_run *run);
	/* One sample: values[i] for series i. Called often. Return: 0, or an error with reason. */
	int (*sample)(struct bench_run *run, u64 *values);
	/*
	 * Always called after set-up was, whatever it returned. Sets floors and violations at last.
	 */
	void (*teardown)(struct bench_run *run);
};

struct suite {
	const char *name;
	const char *question; /* one line for --list and the screen */
	bool on_request; /* runs only when --suite names it */
	const struct bench *benches;
	u32 nr_benches;
	/*
	 * Fills in the two above where they depend on the machine: a bench for each CPU, say. NULL
	 * = they do not. Called once in a run, when the other CPUs are there; asks the machine
	 * nothing.
	 */
	void (*make)(enum plan plan, u32 nr_cpus, u32 caps);
};

/* Every suite, in the order they run: from safe to risky. NULL-terminated. */
extern const struct suite *const suites[];

extern const struct suite suite_alternatives;
extern const struct suite suite_check;
extern const struct suite suite_clients;
extern const struct suite suite_clock;
extern const struct suite suite_emulate;
extern const struct suite suite_forms;
extern const struct suite suite_hotplug;
extern const struct suite suite_hazard;
extern const struct suite suite_int3;
extern const struct suite suite_interfere;
extern const struct suite suite_lock;
extern const struct suite suite_module;
extern const struct suite suite_places;
extern const struct suite suite_poke;
extern const struct suite suite_primitives;
extern struct suite suite_propagation; /* made */
extern const struct suite suite_protocols;
extern const struct suite suite_queue;
extern const struct suite suite_soak;
extern const struct suite suite_split;
extern const struct suite suite_strategy;
extern const struct suite suite_switch;
extern struct suite suite_sync; /* made */
extern const struct suite suite_victim;

/**
 * bench_fail() - set the reason of the bench under way
 * Return: @error, so that callers can return it.
 */
int bench_fail(struct bench_run *run, int error, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* bench_note() - a line for the log. Context: set-up, check and tear-down; nothing is timed there.
 */
void bench_note(const struct bench_run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* bench_violation() - count one more; the first of a bench gives the reason, if there is none */
void bench_violation(struct bench_run *run, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
