/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a tracer turns all its NOPs into calls of its trampoline and back, in as few batches
 * as there can be, says that it is on only while every site is, and touches nothing when one of its
 * sites is not what it should be.
 */
#include "client_fixture.h"

#include "tracer.h"
#include "x86.h"

static u8 *sites[MAX_SITES];
static struct tracer tracer;

static u8 *trampoline(void)
{
	return sim_text + TARGET_OFFSET;
}

static bool all_call(void)
{
	for (u32 i = 0; i < tracer.nr_sites; i++)
		if (!site_branches(i, 0xE8, trampoline()))
			return false;
	return true;
}

static void make_tracer(u32 nr)
{
	sim_reset();
	tracer = (struct tracer){ .sites = sites, .nr_sites = nr, .trampoline = trampoline() };
	for (u32 i = 0; i < nr; i++)
		sites[i] = sim_put(i * STRIDE, nop5, sizeof(nop5));
	assert_int_equal(tracer_register(&tracer), 0);
	expect_cost(0);
}

static u32 nr_events_on;

static void note_value(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)kind;
	(void)nr_of_kind;
	nr_events_on += tracer_enabled(&tracer);
}

static void nops_become_calls_and_nops_again(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		u32 nr_batches = batches_of(sizes[i]);
		u64 before;

		make_tracer(sizes[i]);
		before = sim_hash();
		nr_events_on = 0;
		sim.at_event = note_value;
		for (u32 again = 0; again < 2; again++) {
			assert_int_equal(tracer_enable(&tracer), 0);
			assert_true(tracer_enabled(&tracer) && all_call());
			expect_cost(again ? 0 : nr_batches);
			if (!again)
				assert_int_equal(nr_events_on, 0);
		}
		for (u32 again = 0; again < 2; again++) {
			assert_int_equal(tracer_disable(&tracer), 0);
			assert_false(tracer_enabled(&tracer));
			assert_int_equal(sim_hash(), before);
			expect_cost(again ? 0 : nr_batches);
		}
		assert_int_equal(nr_events_on, 0);
	}
}

/* A tracer that found a site changed and went on would leave half a kernel traced. */
static void every_site_is_verified_before_the_first_is_written(void **state)
{
	static const u32 where[] = { 0, 255, 256, MAX_SITES - 1 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(where); i++) {
		u8 *addr = site_addr(where[i]);

		make_tracer(MAX_SITES);
		sim_put(where[i] * STRIDE, mov, 5);
		expect_refused_at("enable", tracer_enable(&tracer), TEXT_POKE_RULE_UNEXPECTED, addr,
				  sim_hash());
		assert_false(tracer_enabled(&tracer));
		sim_put(where[i] * STRIDE, nop5, 5);
		assert_int_equal(tracer_enable(&tracer), 0);
		sim_forget();
		sim_put(where[i] * STRIDE, mov, 5);
		expect_refused_at("disable", tracer_disable(&tracer), TEXT_POKE_RULE_UNEXPECTED,
				  addr, sim_hash());
		assert_true(tracer_enabled(&tracer));
	}
}

static void expect_not_registered(const char *what, enum text_poke_rule rule, const u8 *addr)
{
	expect_refused_at(what, tracer_register(&tracer), rule, addr, sim_hash());
	assert_int_equal(tracer_enable(&tracer), -ERR_INVAL);
}

static void tables_that_break_a_rule_are_not_registered(void **state)
{
	(void)state;
	make_tracer(8);
	assert_int_equal(tracer_register(&tracer), -ERR_EXIST);
	assert_int_equal(tracer_unregister(&tracer), 0);
	tracer.trampoline = site_addr(7) + 5 - (1ll << 31) - 1;
	expect_not_registered("reach", TEXT_POKE_RULE_TARGET, site_addr(7));
	tracer.trampoline = trampoline();
	sites[3] = sites[2];
	expect_not_registered("twice", TEXT_POKE_RULE_ORDER, site_addr(2));
	sites[3] = site_addr(3) + 1;
	expect_not_registered("inside", TEXT_POKE_RULE_UNEXPECTED, site_addr(3) + 1);
	sites[3] = site_addr(3);
	assert_int_equal(tracer_register(&tracer), 0);
}

/* Its bytes are those of a NOP5, and yet no instruction begins there. */
static void a_nop_inside_another_instruction_is_no_site(void **state)
{
	static const u8 hidden[] = { 0x48, 0xB8, 0x0F, 0x1F, 0x44, 0, 0, 1, 2, 3 };

	(void)state;
	make_tracer(2);
	assert_int_equal(tracer_unregister(&tracer), 0);
	sites[1] = sim_put(STRIDE, hidden, sizeof(hidden)) + 2;
	expect_not_registered("hidden", TEXT_POKE_RULE_BOUNDARY, sites[1]);
}

static void a_failed_change_is_completed_by_the_next_either_way(void **state)
{
	u64 before;

	(void)state;
	make_tracer(MAX_SITES);
	before = sim_hash();
	for (u32 enable = 0; enable < 2; enable++) {
		sim.at_event = fail_second_batch;
		assert_int_equal(tracer_enable(&tracer), -ERR_FAULT);
		assert_false(tracer_enabled(&tracer) || all_call() || sim_hash() == before);
		sim.at_event = NULL;
		sim.fail_open = false;
		sim_forget();
		assert_int_equal(enable ? tracer_enable(&tracer) : tracer_disable(&tracer), 0);
		assert_true(enable ? all_call() : sim_hash() == before);
		expect_cost(1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nops_become_calls_and_nops_again),
		cmocka_unit_test(every_site_is_verified_before_the_first_is_written),
		cmocka_unit_test(tables_that_break_a_rule_are_not_registered),
		cmocka_unit_test(a_nop_inside_another_instruction_is_no_site),
		cmocka_unit_test(a_failed_change_is_completed_by_the_next_either_way),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("tracer", tests, NULL, NULL);
}
