/* SPDX-License-Identifier: MIT */
/*
 * One layout of sites under victims, toggled with every oracle on.
 */
#ifndef SMPOKE_BENCH_STRESS_H
#define SMPOKE_BENCH_STRESS_H

#include "answers.h"
#include "bench.h"
#include "region.h"
#include "toggle.h"

struct stress {
	struct toggler t;
	struct answers answers;
};

/* What happened, added up over batches. */
struct stress_counts {
	u64 batches;
	u64 traps; /* INT3s taken at sites */
	u64 passes; /* of victims */
};

/* stress_alloc() - Return: 0, or an error with run->reason set; stress_free() is owed either way */
int stress_alloc(struct bench_run *run, struct stress *s);
void stress_free(struct bench_run *run, struct stress *s);

/**
 * stress_begin() - build the layout, run both forms on this CPU, let every victim in
 * @nr_sites: at most TEXT_POKE_ARRAY_MAX; otherwise as region_build_places()
 *
 * Return: 0, or an error with run->reason set. stress_end() is owed either way.
 */
int stress_begin(struct bench_run *run, struct stress *s, const struct site_place *places,
		 u32 nr_sites, size_t align_bytes);

/**
 * stress_batch() - toggle all sites, once; then toggle_judge(), answers_check(), and a pass of
 * every victim through all of them
 *
 * Violations are counted in @run. Return: 0, or an error with run->reason set.
 */
int stress_batch(struct bench_run *run, struct stress *s, struct stress_counts *counts);

/* stress_end() - victims out, what they found counted, the layout freed; safe to call twice */
void stress_end(struct bench_run *run, struct stress *s);

/* stress_run() - all three, with @nr_batches. Return: 0, or an error with run->reason set. */
int stress_run(struct bench_run *run, struct stress *s, const struct site_place *places,
	       u32 nr_sites, size_t align_bytes, u32 nr_batches, struct stress_counts *counts);

#endif
