/* SPDX-License-Identifier: MIT */
/*
 * A procedure that all CPUs begin at once, and that is over when each of them has ended it.
 */
#ifndef SMPOKE_BENCH_TOGETHER_H
#define SMPOKE_BENCH_TOGETHER_H

#include "bench.h"
#include "machine.h"

#define TOGETHER_MAX_CPUS 256

struct together;

/* What a CPU tells the others. */
struct together_cpu {
	u64 round; /* the last one that it has come to */
	bool late; /* somebody else did not come */
	struct together *all;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct together {
	u32 nr_cpus; /* 0 .. nr_cpus - 1 take part */
	u64 round;
	bool left_behind; /* a CPU did not end, and may still run the procedure */
	cpu_fn fn;
	void *arg;
	struct together_cpu cpu[TOGETHER_MAX_CPUS];
};

/**
 * together_run() - @fn(@arg) on CPUs 0 .. nr_cpus - 1, this one included
 *
 * Nobody begins before all have come: alone, even a CPU without LOCK loses nothing.
 * Context: boot CPU, the others online and without a procedure. Deadline: seconds.
 * Return: 0, or an error with run->reason set; with left_behind what @fn uses must stay.
 */
int together_run(struct bench_run *run, struct together *t, cpu_fn fn, void *arg);

#endif
