/* SPDX-License-Identifier: MIT */
/*
 * The LOCK prefixes of a code region, all of them at a time. Nobody runs the region meanwhile.
 */
#ifndef SMPOKE_BENCH_REGION_LOCKS_H
#define SMPOKE_BENCH_REGION_LOCKS_H

#include "bench.h"
#include "region.h"
#include "smp_locks.h"

/**
 * region_locks_switch() - alternatives_smp_lock() or alternatives_smp_unlock() of its whole table
 *
 * Context: text_mutex held. Return: as these.
 */
int region_locks_switch(const struct region *region, bool smp, enum smp_up_form form,
			struct smp_locks_result *ret);

/**
 * region_locks_to() - the same; that not every prefix changed is an error, too
 *
 * Takes text_mutex. Return: 0, or an error with run->reason set.
 */
int region_locks_to(struct bench_run *run, const struct region *region, bool smp,
		    enum smp_up_form form);

/* region_locks_are() - does every entry of its table lead to this byte? */
bool region_locks_are(const struct region *region, u8 prefix);

/* region_run_teardown() - of a bench whose run->priv is a struct region, built or not */
void region_run_teardown(struct bench_run *run);

#endif
