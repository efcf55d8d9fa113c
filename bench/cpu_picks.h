/* SPDX-License-Identifier: MIT */
/*
 * Some CPUs, where all would be too many: neighbours, which may share a core, and others as far
 * apart as their numbers are. And the names of benches that are about one of them.
 */
#ifndef SMPOKE_BENCH_CPU_PICKS_H
#define SMPOKE_BENCH_CPU_PICKS_H

#include "types.h"

#define CPU_PICKS_MAX 64

struct cpu_picks {
	u32 nr;
	u32 cpu[CPU_PICKS_MAX]; /* ascending */
};

/**
 * cpu_picks() - @max of @nr_cpus CPUs, or all, when there are no more
 *
 * 0 and 1, and as many again spread over the rest, the last one among them. @max is 2 or more.
 */
void cpu_picks(struct cpu_picks *ret, u32 nr_cpus, u32 max);

#endif
