/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: what a loop costs is what does not grow with its length, whatever it is, and with
 * windows that were interrupted among the others; it is taken off every sample alike, and a sample
 * that took less is counted.
 */
#include "unit.h"

#include <stdlib.h>

#include "fake_machine.h"
#include "loop_cost.h"
#include "machine.h"

/* A loop with so many operations in a pass, which costs this much for itself. */
struct made_up {
	u64 nr_passes;
	s64 pass_ticks; /* of the loop, each pass */
	u64 empty_ticks; /* of the empty one; 0 = the same */
	u64 call_ticks; /* and once */
	u64 nr_ops, op_ticks;
	u32 long_each; /* one round in so many is hit by something; 0 = none */
	u32 nr, nr_of[NR_LOOP_WINDOWS]; /* windows */
	u32 fails_at;
};

static int window(void *arg, enum loop_window which, u64 *ret_ticks)
{
	struct made_up *m = arg;
	s64 passes = which == LOOP_BARE || m->nr_passes == 1 ? 1 : (s64)m->nr_passes;
	s64 ops = (s64)(m->nr_ops * m->nr_passes);
	s64 each = which >= LOOP_BARE && m->empty_ticks ? (s64)m->empty_ticks : m->pass_ticks;

	m->nr++;
	/* In turn: the others have been asked for as often, or once more. */
	assert_true(which == LOOP_ONCE || m->nr_of[which] + 1 == m->nr_of[which - 1]);
	m->nr_of[which]++;
	if (m->nr == m->fails_at)
		return -ERR_TIMEOUT;
	if (which >= LOOP_BARE)
		ops = 0;
	else if (which == LOOP_TWICE && m->nr_passes == 1)
		ops *= 2;
	else if (which == LOOP_TWICE)
		passes /= 2;
	*ret_ticks = (u64)((s64)m->call_ticks + passes * each + ops * (s64)m->op_ticks);
	if (m->long_each && m->nr_of[which] % m->long_each == 0)
		*ret_ticks += 100000;
	return 0;
}

static struct loop_cost measure(struct made_up *m)
{
	struct loop_cost cost;

	assert_int_equal(loop_cost_measure(&cost, m->nr_passes, window, m), 0);
	assert_int_equal(m->nr_of[LOOP_ONCE], LOOP_COST_ROUNDS);
	assert_int_equal(m->nr_of[LOOP_TWICE], LOOP_COST_ROUNDS);
	assert_int_equal(m->nr_of[LOOP_BARE], m->nr_passes == 1 ? 0 : LOOP_COST_ROUNDS);
	assert_int_equal(m->nr_of[LOOP_EMPTY], m->nr_of[LOOP_BARE]);
	return cost;
}

static void what_does_not_grow_with_the_length_is_cancelled(void **state)
{
	static const s64 costs[] = { 0, 1, 5, 63 };
	static const u64 passes[] = { 1, 2, 64, 4096 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(costs) * ARRAY_SIZE(passes); i++) {
		struct made_up m = { .nr_passes = passes[i % ARRAY_SIZE(passes)],
				     .pass_ticks = costs[i / ARRAY_SIZE(passes)],
				     .call_ticks = 60,
				     .nr_ops = 50,
				     .op_ticks = 7 };
		struct loop_cost cost = measure(&m);
		s64 loop = 60 + (s64)m.nr_passes * m.pass_ticks, ops = 50 * (s64)m.nr_passes;
		/* The bare window has one pass of the loop, too. */
		s64 more = m.nr_passes == 1 ? 0 : m.pass_ticks;

		assert_true(cost.ticks == loop + more);
		assert_int_equal(loop_cost_net(&cost, (u64)(7 * ops + loop + more), (u64)ops),
				 7000);
		assert_int_equal(cost.nr_below, 0);
	}
}

/* The long body is in another mode: what lies between the two is no loop's. */
static void what_cannot_be_a_loop_is_bounded(void **state)
{
	static const struct {
		s64 pass_ticks, want;
	} cases[] = { { -3, 0 }, { 0, 0 }, { 8, 8 * 64 }, { 16, 16 * 64 - 16 }, { 63, 16 * 63 } };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct made_up m = { .nr_passes = 64,
				     .pass_ticks = cases[i].pass_ticks,
				     .empty_ticks = 2,
				     .nr_ops = 50,
				     .op_ticks = 7 };

		assert_true(measure(&m).ticks == cases[i].want + 2);
	}
}

static void windows_that_something_hit_change_nothing(void **state)
{
	struct made_up m = {
		.nr_passes = 1, .call_ticks = 500, .nr_ops = 1000, .op_ticks = 7, .long_each = 3
	};

	(void)state;
	assert_true(measure(&m).ticks == 500);
	m = (struct made_up){
		.nr_passes = 64, .pass_ticks = 2, .op_ticks = 7, .nr_ops = 9, .long_each = 3
	};
	assert_true(measure(&m).ticks == 130);
}

/* Whatever a sample took, the same is taken off it. */
static void tails_stay(void **state)
{
	struct made_up m = { .nr_passes = 1, .call_ticks = 500, .nr_ops = 1000, .op_ticks = 7 };
	struct loop_cost cost = measure(&m);

	(void)state;
	assert_int_equal(loop_cost_net(&cost, 107500, 1000), 107000);
	assert_int_equal(loop_cost_net(&cost, 501, 1000), 1);
	assert_int_equal(loop_cost_net(&cost, 500, 1000), 0);
	assert_int_equal(cost.nr_below, 0);
}

static void a_sample_below_the_loop_is_counted(void **state)
{
	struct made_up m = { .nr_passes = 1, .call_ticks = 500, .nr_ops = 1000, .op_ticks = 7 };
	struct loop_cost cost = measure(&m);

	(void)state;
	assert_int_equal(loop_cost_net(&cost, 499, 1000), 0);
	assert_int_equal(loop_cost_net(&cost, 0, 1000), 0);
	assert_int_equal(cost.nr_below, 2);
}

static void figures_are_rounded_to_the_nearest(void **state)
{
	struct loop_cost cost = { .ticks = 2 };

	(void)state;
	assert_int_equal(loop_cost_net(&cost, 3, 64), 16); /* 15.6 */
	assert_int_equal(loop_cost_net(&cost, 3, 63), 16); /* 15.9 */
	assert_true(loop_cost_each(&cost, 63) == 32); /* 31.7 */
	cost.ticks = -2;
	assert_true(loop_cost_each(&cost, 63) == -32);
	assert_int_equal(loop_cost_net(&cost, 3, 63), 79); /* 79.4 */
}

static void operations_that_take_no_time_are_no_figure(void **state)
{
	struct made_up m = { .nr_passes = 1, .call_ticks = 500, .nr_ops = 1000 };
	struct loop_cost cost;

	(void)state;
	fake_reset();
	assert_int_equal(loop_cost_measure(&cost, m.nr_passes, window, &m), -ERR_VERIFY);
	fake.caps &= ~MACHINE_CAP_SILICON;
	assert_int_equal(loop_cost_measure(&cost, m.nr_passes, window, &m), 0);
	assert_int_equal(loop_cost_net(&cost, 499, 1000), 0);
	assert_int_equal(cost.nr_below, 1);
	fake_reset();
}

static void a_window_that_fails_ends_it(void **state)
{
	struct made_up m = { .nr_passes = 4, .nr_ops = 1000, .op_ticks = 7, .fails_at = 8 };
	struct loop_cost cost;

	(void)state;
	assert_int_equal(loop_cost_measure(&cost, m.nr_passes, window, &m), -ERR_TIMEOUT);
	assert_int_equal(m.nr, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_grow_with_the_length_is_cancelled),
		cmocka_unit_test(what_cannot_be_a_loop_is_bounded),
		cmocka_unit_test(windows_that_something_hit_change_nothing),
		cmocka_unit_test(tails_stay),
		cmocka_unit_test(a_sample_below_the_loop_is_counted),
		cmocka_unit_test(figures_are_rounded_to_the_nearest),
		cmocka_unit_test(operations_that_take_no_time_are_no_figure),
		cmocka_unit_test(a_window_that_fails_ends_it),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	fake_reset();
	return cmocka_run_group_tests_name("loop_cost", tests, NULL, NULL);
}
