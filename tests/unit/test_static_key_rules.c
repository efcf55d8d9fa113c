/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a key whose table breaks a rule, whose sites hold something else, or that is changed
 * from where that would never end, is refused by name and address before anything has changed.
 */
#include "key_fixture.h"

static void expect_table_refused(const char *what, enum text_poke_rule rule, const u8 *addr)
{
	expect_refused_at(what, static_key_register(&key), rule, addr, sim_hash());
	assert_false(key.registered);
	assert_int_equal(static_key_enable(&key), -ERR_INVAL);
}

static void a_table_that_breaks_a_rule_is_not_registered(void **state)
{
	static u8 no_text[5] = { 0x0F, 0x1F, 0x44, 0x00, 0x00 };
	struct jump_entry first;

	(void)state;
	make_key(8);
	first = entries[2];
	entries[2] = entries[3];
	entries[3] = first;
	expect_table_refused("descending", TEXT_POKE_RULE_ORDER, site_addr(2));
	make_key(8);
	entries[5] = entries[4];
	expect_table_refused("twice", TEXT_POKE_RULE_ORDER, site_addr(4));
	make_key(8);
	entries[5].code = entries[4].code + 4;
	expect_table_refused("overlap", TEXT_POKE_RULE_ORDER, site_addr(4) + 4);
	make_key(8);
	entries[7].size = 3;
	expect_table_refused("size", TEXT_POKE_RULE_LENGTH, site_addr(7));
	make_key(8);
	make_entry(1, 2, false);
	entries[1].target = entries[1].code + 2 + 128;
	expect_table_refused("rel8", TEXT_POKE_RULE_TARGET, site_addr(1));
	make_key(8);
	entries[1].target = entries[1].code + 5 + (1ll << 31);
	expect_table_refused("rel32", TEXT_POKE_RULE_TARGET, site_addr(1));
	make_key(1);
	entries[0].code = no_text;
	entries[0].target = no_text;
	expect_table_refused("no text", TEXT_POKE_RULE_TEXT, no_text);
}

/* Both neighbours of each limit of rel8 and rel32. */
static void targets_reach_exactly_as_far_as_their_displacement(void **state)
{
	(void)state;
	make_key(2);
	make_entry(0, 2, false);
	entries[0].target = entries[0].code + 2 + 127;
	entries[1].target = entries[1].code + 5 + (1ll << 31) - 1;
	assert_int_equal(static_key_register(&key), 0);
	assert_int_equal(static_key_unregister(&key), 0);
	entries[0].target = entries[0].code + 2 - 128;
	entries[1].target = entries[1].code + 5 - (1ll << 31);
	assert_int_equal(static_key_register(&key), 0);
	assert_int_equal(static_key_enable(&key), 0);
	assert_true(all_are(true));
	expect_cost(1);
	assert_int_equal(entries[0].code[1], 0x80);
	assert_int_equal(static_key_unregister(&key), 0);
	entries[0].target--;
	expect_table_refused("rel8", TEXT_POKE_RULE_TARGET, site_addr(0));
}

/* At registration code and value must agree; neither form, or the wrong one, is as bad. */
static void sites_that_hold_other_bytes_are_not_registered(void **state)
{
	u8 jmp[5];

	(void)state;
	make_key(8);
	sim_put(6 * STRIDE, mov, 5);
	expect_table_refused("foreign", TEXT_POKE_RULE_UNEXPECTED, site_addr(6));
	assert_memory_equal(smp_text_poke_refusal()->bytes, mov, 5);
	make_key(8);
	form(jmp, 6, true);
	sim_put(6 * STRIDE, jmp, 5);
	expect_table_refused("on already", TEXT_POKE_RULE_UNEXPECTED, site_addr(6));
	make_key(8);
	assert_int_equal(static_key_register(&key), 0);
	assert_int_equal(static_key_register(&key), -ERR_EXIST);
	assert_int_equal(static_key_enable(&key), 0);
	assert_int_equal(static_key_register(&key), -ERR_EXIST);
	assert_int_equal(static_key_unregister(&key), 0);
	assert_int_equal(static_key_unregister(&key), -ERR_INVAL);
}

/* Whichever site it is, and however many batches the table would be: not a byte is written. */
static void a_site_that_somebody_else_changed_stops_the_change_before_it_begins(void **state)
{
	static const u32 where[] = { 0, 255, 256, MAX_SITES - 1 };
	u64 hash;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(where); i++) {
		make_registered_key(MAX_SITES);
		sim_put(where[i] * STRIDE, mov, 5);
		hash = sim_hash();
		expect_refused_at("enable", static_key_enable(&key), TEXT_POKE_RULE_UNEXPECTED,
				  site_addr(where[i]), hash);
		expect_refused_at("inc", static_key_slow_inc(&key), TEXT_POKE_RULE_UNEXPECTED,
				  site_addr(where[i]), hash);
		assert_int_equal(static_key_count(&key), 0);
		sim_put(where[i] * STRIDE, nop5, 5);
		assert_int_equal(static_key_enable(&key), 0);
		sim_put(where[i] * STRIDE, mov, 5);
		hash = sim_hash();
		sim_forget();
		expect_refused_at("dec", static_key_slow_dec(&key), TEXT_POKE_RULE_UNEXPECTED,
				  site_addr(where[i]), hash);
		assert_int_equal(static_key_count(&key), 1);
	}
}

static void a_key_is_not_changed_from_where_waiting_would_never_end(void **state)
{
	u64 before;

	(void)state;
	make_registered_key(4);
	before = sim_hash();
	text_mutex_lock();
	assert_int_equal(static_key_enable(&key), -ERR_PERM);
	assert_true(text_mutex_held());
	text_mutex_unlock();
	sim.irqs_off = true;
	assert_int_equal(static_key_enable(&key), -ERR_PERM);
	sim.irqs_off = false;
	assert_int_equal(sim_hash(), before);
	expect_cost(0);
	assert_int_equal(static_key_enable(&key), 0);
}

static int err_in_trap;

static void enable_in_trap(void)
{
	err_in_trap = static_key_enable(&key);
}

/* CPU 1 stands in the handler, and the lock it asks for is held by the CPU that waits for it. */
static void trap_into_a_call(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { 0 };

	if (kind != SIM_SYNC || nr_of_kind != 2)
		return;
	regs.sp = sim_gate(enable_in_trap);
	assert_true(sim_trap(1, site_addr(8), &regs));
}

static void a_key_is_not_changed_from_a_trap(void **state)
{
	u8 call[5];

	(void)state;
	make_registered_key(4);
	branch_to(call, 0xE8, site_addr(8), target());
	sim_put(8 * STRIDE, nop5, 5);
	sim.at_event = trap_into_a_call;
	err_in_trap = 0;
	text_mutex_lock();
	assert_int_equal(smp_text_poke_single(site_addr(8), call, 5, NULL), 0);
	text_mutex_unlock();
	assert_int_equal(err_in_trap, -ERR_PERM);
	assert_true(all_are(false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEY_TEST(a_table_that_breaks_a_rule_is_not_registered),
		KEY_TEST(targets_reach_exactly_as_far_as_their_displacement),
		KEY_TEST(sites_that_hold_other_bytes_are_not_registered),
		KEY_TEST(a_site_that_somebody_else_changed_stops_the_change_before_it_begins),
		KEY_TEST(a_key_is_not_changed_from_where_waiting_would_never_end),
		KEY_TEST(a_key_is_not_changed_from_a_trap),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("static_key_rules", tests, NULL, NULL);
}
