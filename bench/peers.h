/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs, in a loop or without work, and how long it takes to reach one of them, or all: by
 * an interrupt whose handler is seen to have run, or by a sync.
 */
#ifndef SMPOKE_BENCH_PEERS_H
#define SMPOKE_BENCH_PEERS_H

#include "bench.h"
#include "machine.h"

/* What an interrupt leaves, on a line of its own. */
struct peer {
	u32 told;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct peers {
	u32 quit __attribute__((aligned(FALSE_SHARING_BYTES)));
	u32 nr_cpus; /* that are in, this one included */
	bool some_out;
	bool borrowed;
	interrupt_fn before; /* what interrupts ran, and will again */
	void *before_arg;
	struct peer each[]; /* by CPU */
};

/**
 * peers_setup() - run->priv, and CPUs that spin or have no work
 * @interrupts: they will be asked by interrupts, too
 *
 * With a bench per_cpus those beyond run->cpus are taken out; else run->cpus are all.
 * Return: 0, or an error with run->reason; peers_teardown() is owed in either case.
 */
int peers_setup(struct bench_run *run, bool spinning, bool interrupts);
void peers_teardown(struct bench_run *run);

/* peers_sync() - one round of machine_sync_core_each_cpu(). Return: 0, or an error with run->reason
 */
int peers_sync(struct bench_run *run, u64 *ret_ns);

/**
 * peers_interrupt() - CPUs @first to before @end: from the first sent until the last has run
 *
 * Return: as peers_sync(); -ERR_TIMEOUT when one did not run it.
 */
int peers_interrupt(struct bench_run *run, u32 first, u32 end, enum machine_interrupt kind,
		    u64 *ret_ns);

#endif
