/* SPDX-License-Identifier: MIT */
/*
 * Executors: the other CPUs, running sites of imm_sites.h without end, and counting what they ran.
 *
 * They run in rounds, each through all sites of the range that the patcher asks for. A trap ends a
 * round, is counted, and the next one begins: what is patched without a protocol may do anything.
 */
#ifndef SMPOKE_BENCH_EXECUTOR_H
#define SMPOKE_BENCH_EXECUTOR_H

#include "bench.h"
#include "imm_sites.h"
#include "pass_clock.h"
#include "types.h"

#define EXECUTOR_MAX_SITES 96

/* Of one site, or of all. */
struct exec_count {
	u64 executed;
	u64 torn;
};

struct executor {
	u64 nr_rounds;
	struct exec_count all_sites;
	u64 first_torn; /* which execution it was; 0 = none */
	struct imm_ran torn; /* what it left, that time */
	u32 torn_site;
	u64 nr_late; /* in the form before, in a round wholly behind a change */
	u64 nr_faults;
	struct machine_fault fault; /* the first */
	struct exec_count site[EXECUTOR_MAX_SITES];
	u64 ran[2]; /* in the round under way: in old form, in new form */
	struct executors *all;
	u32 cpu;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct executors {
	u64 range __attribute__((aligned(FALSE_SHARING_BYTES))); /* first site << 32 | how many */
	u64 epoch; /* as in victim.h */
	u32 stop;
	const struct imm_sites *sites __attribute__((aligned(FALSE_SHARING_BYTES)));
	struct pass_clock *clocks; /* by CPU; NULL = rounds are not timed */
	u32 nr; /* executors, on CPUs 1 and up */
	struct executor *each;
};

/* executors_start() - every other CPU begins, with all sites; @e is zero, but for its epoch */
int executors_start(struct bench_run *run, struct executors *e, const struct imm_sites *sites,
		    struct pass_clock *clocks);

/* executors_range() - from now on @nr sites from @first on; returns when all have begun with them
 */
int executors_range(struct bench_run *run, struct executors *e, u32 first, u32 nr);

/* executors_wait_round() - until each has ended a whole round since the call */
int executors_wait_round(struct bench_run *run, struct executors *e);

/* executors_change_begin() / _end() - around a change of the whole range to @new (or old) */
void executors_change_begin(struct executors *e);
void executors_change_end(struct executors *e, bool new);

/* executors_stop() - all out; one that does not come is a hang, told in run->reason. Twice is fine.
 */
void executors_stop(struct bench_run *run, struct executors *e);

/* executors_all_home() - after executors_stop(): does none still run, or read, what it was given?
 */
bool executors_all_home(const struct executors *e);

/* executors_free() - when all are home; the counts go */
void executors_free(struct executors *e);

/* Sums over all executors. */
struct exec_count executors_site(const struct executors *e, u32 site);
struct exec_count executors_total(const struct executors *e);
u64 executors_faults(const struct executors *e);
u64 executors_late(const struct executors *e);

/* executors_first_torn() - the least of all first_torn that there is; 0 = none */
u64 executors_first_torn(const struct executors *e);

/* executors_note() - lines for the log: an example of what was torn, and of a fault */
void executors_note(const struct bench_run *run, const struct executors *e);

#endif
