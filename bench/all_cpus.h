/* SPDX-License-Identifier: MIT */
/*
 * Every CPU but the boot CPU, or those behind some, taken out, and brought in again; or waited for.
 */
#ifndef SMPOKE_BENCH_ALL_CPUS_H
#define SMPOKE_BENCH_ALL_CPUS_H

#include "bench.h"

/**
 * all_cpus_down() - take them out, one by one; stops at the first that does not go
 * all_cpus_down_from() - the same, from CPU @first on, which is not 0
 * all_cpus_up() - bring in all that can be brought in
 *
 * Context: as cpu_down() and cpu_up() (cpu_hotplug.h). Return: 0, or the first error with
 * run->reason set.
 */
int all_cpus_down(struct bench_run *run);
int all_cpus_down_from(struct bench_run *run, u32 first);
int all_cpus_up(struct bench_run *run);

/**
 * all_cpus_home() - wait for the procedures of CPUs 1 .. @end - 1, those that were given one
 * @timeout_ns: for each
 *
 * One that ended otherwise than by itself is a violation. Context: boot CPU. Return: true when none
 * still runs its procedure, and what those read may be given back.
 */
bool all_cpus_home(struct bench_run *run, u32 end, u64 timeout_ns);

#endif
