/* SPDX-License-Identifier: MIT */
/*
 * Random numbers that a printed seed repeats (xorshift64*, Vigna 2016). Not for secrets.
 */
#ifndef SMPOKE_BENCH_RANDOM_H
#define SMPOKE_BENCH_RANDOM_H

#include "types.h"

struct random {
	u64 state; /* never 0 */
};

static inline struct random random_from(u64 seed)
{
	return (struct random){ .state = seed ? seed : 0x9e3779b97f4a7c15ull };
}

static inline u64 random_next(struct random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dull;
}

/* Uniform in [0, n) but for a bias of at most n / 2^32, n > 0. */
static inline u32 random_below(struct random *r, u32 n)
{
	return (u32)((random_next(r) >> 32) * n >> 32);
}

#endif
