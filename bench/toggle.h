/* SPDX-License-Identifier: MIT */
/*
 * Sites that are toggled between their two forms, under victims or alone: one batch at a time, or
 * by a client of the batch, a static key say.
 */
#ifndef SMPOKE_BENCH_TOGGLE_H
#define SMPOKE_BENCH_TOGGLE_H

#include "bench.h"
#include "region.h"
#include "victim.h"

struct toggler {
	struct site_region sites;
	struct victims victims;
	bool new; /* the form live now */
	u64 between; /* hash of the text around the sites, as it was built */
	/* What makes a form live; NULL = a batch of our own. Under no lock. Return: as core's. */
	int (*change)(void *client, bool new);
	void *client;
	struct watch watch;
};

/**
 * toggle() - make the other form live; an INT3 met since the last batch is a violation
 * @ret_begin: time stamp before the first site was queued, or the client was called
 *
 * Context: any CPU of ours; callers exclude each other.
 * Return: 0, or an error with run->reason set; nothing is queued then.
 */
int toggle(struct bench_run *run, struct toggler *t, u64 *ret_begin);

/**
 * toggle_check() - both forms run as they should on this CPU, and toggle_judge() says nothing
 *
 * Before victims_start(). Leaves the form as it was. Return: as toggle().
 */
int toggle_check(struct bench_run *run, struct toggler *t);

/* toggle_start_victims() and toggle_wait_pass() - victims_*(), with run->reason set on an error */
int toggle_start_victims(struct bench_run *run, struct toggler *t);
int toggle_wait_pass(struct bench_run *run, struct toggler *t);

/**
 * toggle_judge() - right after toggle()
 *
 * Violations of @run: a byte of a site that is not as asked for, or one of the region's text around
 * the sites that has changed since toggle_check() (I6); a reference still held (I7); more or fewer
 * syncs than batches of this shape need (I8): of several, it is the last that is judged.
 */
void toggle_judge(struct bench_run *run, const struct toggler *t);

/*
 * toggle_runs_as() - does a pass on this CPU run every site in its old form, or in its new one?
 *
 * A trap in it is a no, and not the end of the run. Context: any CPU of ours.
 */
bool toggle_runs_as(const struct toggler *t, bool new);

/* toggle_bytes_right() - every site holds the live form, byte for byte (I6) */
bool toggle_bytes_right(const struct toggler *t);

/* toggle_traps() - INT3s taken at sites since start, by all CPUs; @ret_stale may be NULL */
u64 toggle_traps(u64 *ret_stale);

/* toggle_end() - victims out, their violations added to @run, everything freed */
void toggle_end(struct bench_run *run, struct toggler *t);

#endif
