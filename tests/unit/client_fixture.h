/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the batch's clients share: tables of sites of the sim machine, and what a
 * change may cost. Included by test programs only.
 */
#ifndef SMPOKE_TESTS_CLIENT_FIXTURE_H
#define SMPOKE_TESTS_CLIENT_FIXTURE_H

#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "queue_fixture.h"
#include "sim_machine.h"
#include "text_patching.h"

#define STRIDE 32
#define MAX_SITES 300
#define TARGET_OFFSET (SIM_TEXT_BYTES - 64) /* behind all sites */

static const u8 nop5[] __attribute__((unused)) = { 0x0F, 0x1F, 0x44, 0x00, 0x00 };
static const u8 mov[] __attribute__((unused)) = { 0xB8, 1, 2, 3, 4 }; /* nobody's form */
static const u32 sizes[] __attribute__((unused)) = { 1, 56, 256, 257, MAX_SITES };

static inline u8 *site_addr(u32 i)
{
	return sim_text + i * STRIDE;
}

/* E8 or E9 from a site to a target, as the manual lays it out. */
static inline void branch_to(u8 *ret, u8 opcode, const u8 *from, const u8 *to)
{
	s32 rel = (s32)(to - from - 5);

	ret[0] = opcode;
	memcpy(ret + 1, &rel, sizeof(rel));
}

static inline bool site_branches(u32 i, u8 opcode, const u8 *to)
{
	u8 want[5];

	branch_to(want, opcode, site_addr(i), to);
	return !memcmp(site_addr(i), want, sizeof(want));
}

static inline u32 batches_of(u32 nr_sites)
{
	return (nr_sites + TEXT_POKE_ARRAY_MAX - 1) / TEXT_POKE_ARRAY_MAX;
}

/* What a change has cost since sim_forget(): so many batches, three syncs each. */
static inline void expect_cost(u32 nr_batches)
{
	assert_int_equal(sim.nr_of_kind[SIM_OPEN], nr_batches);
	assert_int_equal(sim.nr_of_kind[SIM_CLOSE], nr_batches);
	assert_int_equal(sim.nr_of_kind[SIM_SYNC], 3 * nr_batches);
	assert_true(text_poke_refs_idle());
	assert_false(text_mutex_held());
	sim_forget();
}

/* Refused as @rule at @addr, nothing written, no step taken, the lock free. */
static inline void expect_refused_at(const char *what, int err, enum text_poke_rule rule,
				     const u8 *addr, u64 hash)
{
	expect_refused_as(what, err, rule);
	assert_ptr_equal(smp_text_poke_refusal()->addr, addr);
	assert_int_equal(sim_hash(), hash);
	expect_cost(0);
}

/* Of a table with more than one batch, the second cannot open the alias. */
static inline void fail_second_batch(enum sim_event_kind kind, u32 nr_of_kind)
{
	if (kind == SIM_CLOSE && nr_of_kind == 1)
		sim.fail_open = true;
}

static inline int reset(void **state)
{
	(void)state;
	sim_reset();
	return 0;
}

#endif
