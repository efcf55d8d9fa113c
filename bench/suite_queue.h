/* SPDX-License-Identifier: MIT */
/*
 * What the benches of suite queue share.
 */
#ifndef SMPOKE_BENCH_SUITE_QUEUE_H
#define SMPOKE_BENCH_SUITE_QUEUE_H

#include "answers.h"
#include "bench.h"
#include "random.h"
#include "region.h"
#include "text_patching.h"

#define NR_ORDER_SITES (TEXT_POKE_ARRAY_MAX + 1)

struct queue {
	struct site_region sites;
	struct answers answers;
	struct random random;
	u8 *built; /* copy of the region's text */
	u32 order[NR_ORDER_SITES]; /* numbers of sites, as they will be queued */
	u32 next_size; /* of order_sizes[] */
	u64 nr_checks;
};

/* queue_expect() - one more thing was checked; it is a violation if it is not so */
void queue_expect(struct bench_run *run, bool is_so, const char *what);
void queue_expect_text_as_built(struct bench_run *run);

bool queue_was_refused(int err, enum text_poke_rule rule);
int queue_add(const struct site *site, bool new);

/* The samples of suite_queue_context.c */
int queue_no_lock_sample(struct bench_run *run, u64 *values);
int queue_lock_elsewhere_sample(struct bench_run *run, u64 *values);
int queue_irqs_off_sample(struct bench_run *run, u64 *values);

#endif
