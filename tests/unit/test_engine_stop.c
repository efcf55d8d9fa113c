/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: when a batch cannot be finished, every site that could be half written stays under
 * INT3 and is emulated on, the engine stops for good and says so by name, and nothing else is ever
 * written. And text_poke(), which has no protocol, writes through the alias and nowhere else.
 */
#include "engine_fixture.h"

#include <pthread.h>
#include <stdlib.h>

#include "child.h"

static void an_alias_that_does_not_open_leaves_all_as_it_was(void **state)
{
	u64 before;

	(void)state;
	assert_int_equal(queue(&to_jmp32, 1), 0);
	before = sim_hash();
	sim.fail_open = true;
	assert_int_equal(smp_text_poke_batch_process(), -ERR_FAULT);
	assert_int_equal(sim_hash(), before);
	assert_string_equal(sim_order(), "");
	assert_true(text_poke_refs_idle());

	/* The control: the engine still works. */
	sim.fail_open = false;
	process(&to_jmp32, 1);
	expect_text("end", sim_text, &to_jmp32, 1, PHASE_NEW);
}

/*
 * Everything after a stop is refused by name and writes nothing; traps on the sites are still ours.
 */
static void require_stopped(bool under_int3)
{
	struct trap_regs regs = { .ip = (u64)site_addr(0) + 1 };
	u64 before = sim_hash();

	CHILD_REQUIRE(!sim.alias_is_open);
	CHILD_REQUIRE((sim_text[0] == INT3) == under_int3);
	sim_this_cpu = 1;
	CHILD_REQUIRE(smp_text_poke_int3_handler(&regs));
	sim_this_cpu = 0;
	CHILD_REQUIRE((u8 *)regs.ip == site_addr(0) + 5 + 0x20);
	CHILD_REQUIRE(smp_text_poke_batch_add(site_addr(4), one_of_each[0].new, 5, NULL) ==
		      -ERR_REFUSED);
	CHILD_REQUIRE(smp_text_poke_refusal()->rule == TEXT_POKE_RULE_STOPPED);
	CHILD_REQUIRE(smp_text_poke_batch_process() == -ERR_REFUSED);
	CHILD_REQUIRE(smp_text_poke_single(site_addr(4), one_of_each[0].new, 5, NULL) ==
		      -ERR_REFUSED);
	CHILD_REQUIRE(sim_hash() == before);
}

static void check_sync_timeout(u32 which)
{
	sim_put(4 * STRIDE, to_jmp32.old, 5);
	CHILD_REQUIRE(!queue(&to_jmp32, 1));
	sim.fail_sync = which;
	CHILD_REQUIRE(smp_text_poke_batch_process() == -ERR_TIMEOUT);
	CHILD_REQUIRE(sim.nr_of_kind[SIM_SYNC] == which);
	/* After the third only the promise that every CPU saw it is missing: memory is whole. */
	require_stopped(which < 3);
	CHILD_REQUIRE(!memcmp(sim_text + 1, which == 1 ? to_jmp32.old + 1 : to_jmp32.new + 1, 4));
}

static void a_timeout_in_the_first_sync_stops_the_engine_under_int3(void **state)
{
	(void)state;
	in_child(check_sync_timeout, 1);
}

static void a_timeout_in_the_second_sync_stops_the_engine_under_int3(void **state)
{
	(void)state;
	in_child(check_sync_timeout, 2);
}

static void a_timeout_in_the_third_sync_stops_the_engine(void **state)
{
	(void)state;
	in_child(check_sync_timeout, 3);
}

static volatile bool is_inside;
static pthread_t trapper;

static void never_leave(void)
{
	is_inside = true;
	while (true)
		sleep_ms(1000);
}

static void *trap_for_ever(void *arg)
{
	struct trap_regs regs = { .sp = sim_gate(never_leave) };

	(void)arg;
	sim_trap(2, site_addr(0), &regs);
	return NULL;
}

static void start_stuck_cpu(enum sim_event_kind kind, u32 nr_of_kind)
{
	if (kind != SIM_SYNC || nr_of_kind != 3)
		return;
	CHILD_REQUIRE(!pthread_create(&trapper, NULL, trap_for_ever, NULL));
	while (!is_inside)
		sleep_ms(1);
}

static void check_stuck_cpu(u32 arg)
{
	(void)arg;
	is_inside = false;
	CHILD_REQUIRE(!queue(&to_call, 1));
	sim.at_event = start_stuck_cpu;
	sim.ticks_divisor = 1000;
	CHILD_REQUIRE(smp_text_poke_batch_process() == -ERR_TIMEOUT);
	CHILD_REQUIRE(!text_poke_refs_idle());
	CHILD_REQUIRE(smp_text_poke_batch_add(site_addr(0), to_call.old, 5, NULL) == -ERR_REFUSED);
	CHILD_REQUIRE(smp_text_poke_refusal()->rule == TEXT_POKE_RULE_STOPPED);
}

static void a_cpu_that_stays_in_the_handler_stops_the_engine(void **state)
{
	(void)state;
	in_child(check_stuck_cpu, 0);
}

static void damage_text(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)nr_of_kind;
	if (kind == SIM_CLOSE)
		sim_text[3] ^= 0x40;
}

static void check_damage(u32 arg)
{
	(void)arg;
	sim_put(4 * STRIDE, to_jmp32.old, 5);
	CHILD_REQUIRE(!queue(&to_jmp32, 1));
	sim.at_event = damage_text;
	CHILD_REQUIRE(smp_text_poke_batch_process() == -ERR_VERIFY);
	sim.at_event = NULL;
	require_stopped(false);
}

static void a_byte_that_does_not_read_back_stops_the_engine(void **state)
{
	(void)state;
	in_child(check_damage, 0);
}

/* ---- text_poke(): no protocol ---- */

static void text_poke_writes_through_the_alias_and_syncs_nobody(void **state)
{
	static const u8 bytes[] = { 1, 2, 3 };

	(void)state;
	assert_int_equal(text_poke(site_addr(1), bytes, 3), 0);
	assert_memory_equal(site_addr(1), bytes, 3);
	assert_string_equal(sim_order(), "OC");
	assert_int_equal(text_poke(sim_text + SIM_TEXT_BYTES - 2, bytes, 3), -ERR_RANGE);
	assert_int_equal(text_poke(sim_text - 1, bytes, 3), -ERR_RANGE);
	text_mutex_unlock();
	assert_int_equal(text_poke(site_addr(2), bytes, 3), -ERR_PERM);
	assert_int_equal(site_addr(2)[0], INT3);
	assert_int_equal(text_poke_copy(site_addr(2), bytes, 3), 0);
	assert_memory_equal(site_addr(2), bytes, 3);
	assert_false(text_mutex_held());
}

static void text_poke_reports_a_byte_that_does_not_read_back(void **state)
{
	static const u8 bytes[] = { 1, 2, 3, 4 };

	(void)state;
	sim.at_event = damage_text;
	assert_int_equal(text_poke(sim_text, bytes, 4), -ERR_VERIFY);
}

#define STOP_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STOP_TEST(an_alias_that_does_not_open_leaves_all_as_it_was),
		STOP_TEST(a_timeout_in_the_first_sync_stops_the_engine_under_int3),
		STOP_TEST(a_timeout_in_the_second_sync_stops_the_engine_under_int3),
		STOP_TEST(a_timeout_in_the_third_sync_stops_the_engine),
		STOP_TEST(a_cpu_that_stays_in_the_handler_stops_the_engine),
		STOP_TEST(a_byte_that_does_not_read_back_stops_the_engine),
		STOP_TEST(text_poke_writes_through_the_alias_and_syncs_nobody),
		STOP_TEST(text_poke_reports_a_byte_that_does_not_read_back),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("engine_stop", tests, NULL, NULL);
}
