/* SPDX-License-Identifier: MIT */
/*
 * A region with a spinlock and a semaphore whose bodies have two forms, as in the patch of 2006
 * (smp_altinstr.h), and further LOCKs in a table, as since then.
 */
#ifndef SMPOKE_BENCH_REGION_SEQUENCES_H
#define SMPOKE_BENCH_REGION_SEQUENCES_H

#include "bench.h"
#include "region.h"
#include "smp_altinstr.h"

/* What the region works on: each word on a pair of lines of its own. */
struct guarded {
	u64 under_spinlock; /* counted up with no LOCK of its own */
	u64 under_semaphore __attribute__((aligned(FALSE_SHARING_BYTES)));
	u64 spinlock __attribute__((aligned(FALSE_SHARING_BYTES))); /* 0: free */
	u64 semaphore __attribute__((aligned(FALSE_SHARING_BYTES))); /* 1: free */
};

typedef void (*sequences_fn)(struct guarded *words, u64 nr_passes);

struct sequences; /* records, UP forms and save areas */

struct sequence_region {
	struct region region; /* its lock table: what is no sequence */
	struct sequences *tables;
	struct smp_altinstr_table table;
};

/**
 * region_build_sequences() - the region, loaded with its lock table, the SMP form kept
 *
 * Return: 0, or an error with region_why(); @ret may be freed in either case.
 */
int region_build_sequences(struct sequence_region *ret);
void sequence_region_free(struct sequence_region *region);

/**
 * sequences_to() - LOCKs and sequences to SMP or UP form; those that are so already count
 *
 * Takes text_mutex. Context: one CPU online. Return: 0, or an error with run->reason set.
 */
int sequences_to(struct bench_run *run, struct sequence_region *region, bool smp);

#endif
