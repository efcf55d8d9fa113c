/* SPDX-License-Identifier: MIT */
/*
 * What kernels are made of: locks, counts and bits, as code regions whose LOCK prefixes can be
 * taken out.
 *
 * Each is a pair: take and release a lock, get and put a reference, set and clear a bit. What comes
 * when a lock is free stands in a line; waiting stands behind the code, and ends after so many
 * turns, because a lock whose LOCKs are out can be lost for good.
 */
#ifndef SMPOKE_BENCH_PRIMITIVE_H
#define SMPOKE_BENCH_PRIMITIVE_H

#include "region.h"
#include "types.h"

enum primitive {
	PRIMITIVE_TAS, /* test-and-set spinlock: BTS, plain store */
	PRIMITIVE_XCHG, /* the same by XCHG, which locks without a prefix: nothing to take out */
	PRIMITIVE_TICKET, /* ticket spinlock: XADD, plain increment */
	PRIMITIVE_QUEUED, /* queued spinlock: CMPXCHG, plain store; who waits does so in a queue */
	PRIMITIVE_READ, /* rwlock, to read: XADD, SUB */
	PRIMITIVE_WRITE, /* rwlock, to write: CMPXCHG, plain store */
	PRIMITIVE_SEMAPHORE, /* DEC, INC */
	PRIMITIVE_MUTEX, /* CMPXCHG of the owner, twice */
	PRIMITIVE_REF, /* reference count: XADD, DEC */
	PRIMITIVE_BIT, /* BTS, BTR of a bit in a register */
	NR_PRIMITIVES,
};

#define PRIMITIVE_MAX_OBJECTS 8

/* What the code works on. */
struct primitive_data {
	struct {
		u64 word;
	} __attribute__((aligned(CACHE_LINE_BYTES))) object[PRIMITIVE_MAX_OBJECTS];
	/* Incremented without a LOCK by who holds the lock. */
	u64 counter __attribute__((aligned(FALSE_SHARING_BYTES)));
	u64 mirror __attribute__((aligned(FALSE_SHARING_BYTES))); /* by a writer, right after */
	u64 max_spins __attribute__((aligned(FALSE_SHARING_BYTES))); /* read only, at least 1 */
};

/* What a CPU brings along. Its address, without the low byte, stands in a queued spinlock. */
struct primitive_node {
	u64 next; /* the one that waits behind */
	u64 is_first; /* said by the one before */
	u64 bit; /* this CPU's, below 64 */
	u64 nr_errors; /* what this CPU found that cannot be */
} __attribute__((aligned(256)));

/* Return: how many passes are left, because a lock did not come free; 0 = all were done. */
typedef u64 (*primitive_fn)(struct primitive_data *data, u64 nr_passes,
			    struct primitive_node *node);

#define PRIMITIVE_MAX_PAIRS 32

/**
 * primitive_build() - a loop over @nr_pairs pairs
 * @nr_objects: they are taken in turn
 * @counts: who holds the lock increments data->counter, and a writer data->mirror; a reader looks
 *          whether they are equal. Not for what is no lock.
 *
 * @nr_pairs 0 gives the empty loop. Return: as region_build_rmw().
 */
int primitive_build(struct region *ret, enum primitive primitive, u32 nr_objects, u32 nr_pairs,
		    bool counts);

/* How it looks from outside. */
struct primitive_kind {
	const char *name;
	bool excludes; /* one holder at a time */
	bool waits;
	u64 free, held; /* its word; held by somebody who stays away */
	u64 each; /* a pair adds this to the word */
};

extern const struct primitive_kind primitive_kinds[NR_PRIMITIVES];

#endif
