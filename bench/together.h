/* SPDX-License-Identifier: MIT */
/*
 * A procedure that runs on several CPUs at once: nobody begins before all have come.
 */
#ifndef SMPOKE_BENCH_TOGETHER_H
#define SMPOKE_BENCH_TOGETHER_H

#include "bench.h"
#include "types.h"

#define TOGETHER_MAX_CPUS 256

struct together;

/* What a CPU that takes part tells the others. */
struct together_cpu {
	u64 round; /* the last one that it has come to */
	u64 ticks; /* how long the procedure took it */
	struct together *all;
	u32 cpu;
	bool late; /* somebody else did not come */
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct together {
	void (*run)(void *arg, u32 cpu);
	void *arg;
	u32 nr_cpus; /* CPUs 0 .. nr_cpus - 1 take part; TOGETHER_MAX_CPUS or fewer */
	bool left_behind; /* a CPU did not end, and may still use all this */
	u64 round;
	struct together_cpu each[TOGETHER_MAX_CPUS];
};

/**
 * together_run() - one round
 *
 * Context: boot CPU, none of the others has work. Return: 0, or an error with run->reason set.
 */
int together_run(struct bench_run *run, struct together *t);

/*
 * together_patience_ns() - how long to wait for CPUs to meet in one line
 *
 * It takes a round or two; but a loaded machine runs emulated CPUs by turns.
 */
u64 together_patience_ns(void);

/* together_ticks() - of the CPU that took longest, in the last round */
u64 together_ticks(const struct together *t);

#endif
