/* SPDX-License-Identifier: MIT */
/*
 * Victims: the other CPUs, running the sites while they are patched, and watching.
 *
 * Each pass runs through every site once and counts how often the old and the new form ran. The
 * patcher publishes an epoch around every batch. Two invariants are checked in every pass:
 *   I1: old + new == number of sites: no site was skipped, run twice, or torn into something else;
 *   I2: a pass that began after a batch was finished, and ended before the next began, ran only the
 *       form that the finished batch wrote;
 *   I3: such a pass meets no INT3 of a batch that is over.
 * And of a client that says whether it is on, a static key say: a pass between two looks that both
 * found it on, within one change, ran only the new form, even in the middle of that change.
 * A trap that nobody handles ends the victim, and counts as a violation of I1.
 */
#ifndef SMPOKE_BENCH_VICTIM_H
#define SMPOKE_BENCH_VICTIM_H

#include "fault_text.h"
#include "pass_clock.h"
#include "region.h"
#include "types.h"

/* The patcher's side: low bit = the form live now, next bit = a batch is under way. */
#define EPOCH_NEW 1ull
#define EPOCH_BUSY 2ull
#define EPOCH_STEP 4ull

/* What victims watch besides the sites. */
struct watch {
	u32 first_cpu; /* of those that become victims; 0 is as good as 1 */
	u32 nr_cpus; /* they are below that one; 0 = all there are */
	bool (*is_new)(const void *client); /* says: no CPU runs the old form; NULL = nobody does */
	const void *client;
	struct pass_clock *clocks; /* one for each CPU; NULL = passes are not timed */
};

struct victim {
	struct tokens tokens; /* written by the region itself */
	u64 nr_passes;
	u64 nr_torn; /* I1 */
	u64 nr_old_after_new; /* I2, either way round */
	u64 nr_late_traps; /* a stale INT3 taken in a quiet pass (I3) */
	u64 nr_said_early; /* the client said new, and the old form ran */
	struct victims *all;
	u32 cpu;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct victims {
	u64 epoch __attribute__((aligned(FALSE_SHARING_BYTES)));
	u32 stop;
	site_fn run __attribute__((aligned(FALSE_SHARING_BYTES)));
	u32 nr_sites;
	bool is_traced;
	struct watch watch;
	u32 nr; /* victims, on CPUs watch.first_cpu and up */
	struct victim *each;
	u64 nr_died; /* ended by a trap, or lost */
	char why[FAULT_TEXT_BYTES]; /* of the first that died */
};

/**
 * victims_start() - every other CPU enters the sites
 *
 * Return: 0, or an error: none runs then, v->why names the first that died, and the counts are
 * there until victims_free(), which the caller owes in every case.
 */
int victims_start(struct victims *v, const struct site_region *sites);

/* victims_start_watch() - the same, and @watch says who and what else */
int victims_start_watch(struct victims *v, const struct site_region *sites,
			const struct watch *watch);

/* victims_stop() - all out again, deaths counted; safe to call twice */
void victims_stop(struct victims *v);

/* victims_free() - after victims_stop(); the counts are gone then */
void victims_free(struct victims *v);

/* victims_epoch_begin() / _end() - around a batch that makes @new (or old) the live form */
void victims_epoch_begin(struct victims *v);
void victims_epoch_end(struct victims *v, bool new);

/**
 * victims_wait_pass() - until every victim has run a whole pass since the call
 *
 * Return: 0; -ERR_FAULT when one was ended by a trap, -ERR_TIMEOUT when one did not come round
 * within seconds: victims_stop() will say why.
 */
int victims_wait_pass(struct victims *v);

u64 victims_passes(const struct victims *v);
u64 victims_violations(const struct victims *v);
u64 victims_said_early(const struct victims *v); /* among them */

#endif
