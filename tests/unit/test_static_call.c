/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: all sites of a static call change together and to exactly the bytes that call the new
 * function, or nothing; the function is named when the code is live; what does not reach, or is not
 * what was expected, is refused before anything has changed.
 */
#include "client_fixture.h"

#include "static_call.h"
#include "x86.h"

static struct static_call_site sites[MAX_SITES];
static struct static_call_key key;

static u8 *function(u32 i)
{
	return sim_text + TARGET_OFFSET + 8 * i;
}

/* What Linux puts there: CALL or NOP5, and JMP or RET with INT3s for a tail call. */
static void form(u8 *ret, u32 i, const u8 *func)
{
	static const u8 ret_padded[] = { 0xC3, 0xCC, 0xCC, 0xCC, 0xCC };

	if (func)
		branch_to(ret, sites[i].is_tail ? 0xE9 : 0xE8, sites[i].addr, func);
	else
		memcpy(ret, sites[i].is_tail ? ret_padded : nop5, 5);
}

static bool all_call(const u8 *func)
{
	for (u32 i = 0; i < key.nr_sites; i++) {
		u8 want[5];

		form(want, i, func);
		if (memcmp(sites[i].addr, want, 5))
			return false;
	}
	return true;
}

static void make_key(u32 nr, u32 tail_every, const u8 *func)
{
	sim_reset();
	key = (struct static_call_key){ .func = func, .sites = sites, .nr_sites = nr };
	for (u32 i = 0; i < nr; i++) {
		u8 bytes[5];

		sites[i] = (struct static_call_site){ .addr = site_addr(i) };
		sites[i].is_tail = tail_every && i % tail_every == 0;
		form(bytes, i, func);
		sim_put(i * STRIDE, bytes, 5);
	}
	assert_int_equal(static_call_register(&key), 0);
	expect_cost(0);
}

static void expect_update(const u8 *func, u32 nr_batches)
{
	assert_int_equal(static_call_update(&key, func), 0);
	assert_ptr_equal(static_call_query(&key), func);
	assert_true(all_call(func));
	expect_cost(nr_batches);
}

static void every_site_is_retargeted_for_three_syncs(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		u64 before;

		make_key(sizes[i], 0, function(0));
		before = sim_hash();
		expect_update(function(1), batches_of(sizes[i]));
		expect_update(function(1), 0);
		expect_update(function(0), batches_of(sizes[i]));
		assert_int_equal(sim_hash(), before);
	}
}

/* From and to each of none, one function, another; with tail calls among the calls. */
static void no_function_is_a_nop_or_a_return(void **state)
{
	const u8 *const order[] = { NULL,	 function(0), function(1), NULL, function(1),
				    function(0), function(1), function(0), NULL };

	(void)state;
	make_key(30, 3, NULL);
	assert_true(all_call(NULL));
	for (u32 i = 1; i < ARRAY_SIZE(order); i++)
		expect_update(order[i], 1);
}

static void a_key_without_sites_is_a_pointer(void **state)
{
	(void)state;
	make_key(0, 0, function(0));
	expect_update(function(1), 0);
	expect_update(NULL, 0);
}

static u32 nr_named_early;

static void ask_for_function(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { 0 };
	u64 stack[2] = { 0 };

	nr_named_early += static_call_query(&key) != function(0);
	if (kind != SIM_SYNC || nr_of_kind != 2)
		return;
	/* A CPU that comes by calls the new one, and returns behind the site. */
	regs.sp = (u64)&stack[1];
	assert_true(sim_trap(2, site_addr(5), &regs));
	assert_ptr_equal((u8 *)regs.ip, function(1));
	assert_ptr_equal((u8 *)stack[0], site_addr(5) + 5);
}

static void the_new_function_is_named_when_all_sites_call_it(void **state)
{
	(void)state;
	make_key(56, 0, function(0));
	nr_named_early = 0;
	sim.at_event = ask_for_function;
	expect_update(function(1), 1);
	assert_int_equal(nr_named_early, 0);
}

static void expect_update_refused(const char *what, const void *func, enum text_poke_rule rule,
				  const u8 *addr)
{
	const void *before = static_call_query(&key);

	expect_refused_at(what, static_call_update(&key, func), rule, addr, sim_hash());
	assert_ptr_equal(static_call_query(&key), before);
}

/* The sites at both ends of the table are the first that lose sight of a function. */
static void a_function_out_of_reach_of_one_site_is_refused_for_all(void **state)
{
	const u8 *first_end, *last_end;

	(void)state;
	make_key(MAX_SITES, 0, function(0));
	first_end = site_addr(0) + 5;
	last_end = site_addr(MAX_SITES - 1) + 5;
	expect_update_refused("above", first_end + (1ll << 31), TEXT_POKE_RULE_TARGET,
			      site_addr(0));
	expect_update_refused("below", last_end - (1ll << 31) - 1, TEXT_POKE_RULE_TARGET,
			      site_addr(MAX_SITES - 1));
	/* The controls, one byte nearer. */
	expect_update(first_end + (1ll << 31) - 1, 2);
	expect_update(last_end - (1ll << 31), 2);
}

static void a_site_that_calls_somebody_else_stops_the_update_before_it_begins(void **state)
{
	static const u32 where[] = { 0, 255, 256, MAX_SITES - 1 };
	u8 call[5];

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(where); i++) {
		make_key(MAX_SITES, 0, function(0));
		branch_to(call, 0xE8, site_addr(where[i]), function(2));
		sim_put(where[i] * STRIDE, call, 5);
		expect_update_refused("another", function(1), TEXT_POKE_RULE_UNEXPECTED,
				      site_addr(where[i]));
		sim_put(where[i] * STRIDE, mov, 5);
		expect_update_refused("no call", function(1), TEXT_POKE_RULE_UNEXPECTED,
				      site_addr(where[i]));
		expect_update_refused("none", NULL, TEXT_POKE_RULE_UNEXPECTED, site_addr(where[i]));
		form(call, where[i], function(0));
		sim_put(where[i] * STRIDE, call, 5);
		expect_update(function(1), 2);
	}
}

static void tables_that_break_a_rule_are_not_registered(void **state)
{
	(void)state;
	make_key(8, 0, function(0));
	assert_int_equal(static_call_register(&key), -ERR_EXIST);
	assert_int_equal(static_call_unregister(&key), 0);
	assert_int_equal(static_call_unregister(&key), -ERR_INVAL);
	assert_int_equal(static_call_update(&key, function(1)), -ERR_INVAL);
	key.func = function(1);
	expect_refused_at("another", static_call_register(&key), TEXT_POKE_RULE_UNEXPECTED,
			  site_addr(0), sim_hash());
	key.func = function(0);
	sites[4].addr = site_addr(2);
	expect_refused_at("order", static_call_register(&key), TEXT_POKE_RULE_ORDER, site_addr(2),
			  sim_hash());
	sites[4].addr = site_addr(4);
	assert_int_equal(static_call_register(&key), 0);
}

static void fail_half_way(const u8 *func)
{
	sim.at_event = fail_second_batch;
	assert_int_equal(static_call_update(&key, func), -ERR_FAULT);
	sim.at_event = NULL;
	sim.fail_open = false;
	assert_false(text_mutex_held());
	sim_forget();
}

/* 256 sites call the new function, 44 the old one; a third would be one too many to know. */
static void after_a_failed_update_only_the_two_functions_are_taken(void **state)
{
	(void)state;
	make_key(MAX_SITES, 0, function(0));
	fail_half_way(function(1));
	assert_ptr_equal(static_call_query(&key), function(0));
	assert_int_equal(static_call_update(&key, function(2)), -ERR_BUSY);
	assert_int_equal(static_call_update(&key, NULL), -ERR_BUSY);
	expect_cost(0);
	expect_update(function(1), 1);
	fail_half_way(function(0));
	expect_update(function(1), 1);
	expect_update(function(2), 2);
}

static void an_update_is_refused_where_waiting_would_never_end(void **state)
{
	(void)state;
	make_key(4, 0, function(0));
	text_mutex_lock();
	assert_int_equal(static_call_update(&key, function(1)), -ERR_PERM);
	text_mutex_unlock();
	sim.irqs_off = true;
	assert_int_equal(static_call_update(&key, function(1)), -ERR_PERM);
	sim.irqs_off = false;
	assert_true(all_call(function(0)));
	expect_update(function(1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_site_is_retargeted_for_three_syncs),
		cmocka_unit_test(no_function_is_a_nop_or_a_return),
		cmocka_unit_test(a_key_without_sites_is_a_pointer),
		cmocka_unit_test(the_new_function_is_named_when_all_sites_call_it),
		cmocka_unit_test(a_function_out_of_reach_of_one_site_is_refused_for_all),
		cmocka_unit_test(a_site_that_calls_somebody_else_stops_the_update_before_it_begins),
		cmocka_unit_test(tables_that_break_a_rule_are_not_registered),
		cmocka_unit_test(after_a_failed_update_only_the_two_functions_are_taken),
		cmocka_unit_test(an_update_is_refused_where_waiting_would_never_end),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("static_call", tests, NULL, NULL);
}
