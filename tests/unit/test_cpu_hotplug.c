/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: CPUs go and come one by one; with the two-way policy everything is in UP form exactly
 * while one is left, and no moment has a second CPU in and text in UP form. A step that fails
 * leaves the slow, safe form, or the CPU outside.
 */
#include "unit.h"

#include <stdlib.h>

#include "cpu_hotplug.h"
#include "smp_alt_fixture.h"

#define LOCKED LOCK_PREFIX_BYTE
#define UNLOCKED SMP_UP_DS

static const struct smp_alt_policy two_way = { .max_cpus = SIM_NR_CPUS, .two_way = true };
static const struct smp_alt_policy one_way = { .max_cpus = SIM_NR_CPUS };
static u32 nr_moves;

/* What a second CPU would run, at the moment that it has gone or comes. */
static void a_second_cpu_meets_locks(u32 cpu, bool out)
{
	(void)cpu, (void)out;
	nr_moves++;
	assert_true(core_has(LOCKED));
	assert_true(module_has(0, LOCKED));
}

/* As after the start of all CPUs: a module is loaded, nothing is in UP form. */
static void start_all(struct smp_alt_policy policy)
{
	assert_int_equal(boot(policy), 0);
	assert_int_equal(add(0), 0);
	assert_int_equal(alternatives_enable_smp(), 0);
	text_mutex_unlock();
	sim.nr_cpus = SIM_NR_CPUS;
	sim.at_move = a_second_cpu_meets_locks;
	nr_moves = 0;
	sim_forget();
}

static void all_down(void)
{
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(cpu_down(cpu), 0);
}

static int close_hotplug(void **state)
{
	sim.offline = 0;
	if (!text_mutex_held())
		text_mutex_lock();
	return close_down(state);
}

static void text_is_in_up_form_while_one_cpu_is_left(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	start_all(two_way);
	for (u32 round = 0; round < 3; round++) {
		all_down();
		assert_true(core_has(UNLOCKED));
		assert_true(module_has(0, UNLOCKED));
		expect_up_forms();
		for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++) {
			assert_int_equal(cpu_up(cpu), 0);
			assert_int_equal(sim_hash(), smp);
		}
	}
	assert_int_equal(nr_moves, 3 * 2 * (SIM_NR_CPUS - 1));
	/* Once down and once up a round, and once before the start. */
	assert_int_equal(now()->nr_changes, 7);
}

static void what_has_gone_already_goes_for_nothing(void **state)
{
	(void)state;
	start_all(two_way);
	assert_int_equal(cpu_up(1), 0);
	assert_int_equal(cpu_down(1), 0);
	assert_int_equal(cpu_down(1), 0);
	assert_string_equal(sim_order(), "");
	assert_int_equal(now()->nr_changes, 1);
}

static void one_way_only_the_cpus_move(void **state)
{
	(void)state;
	start_all(one_way);
	all_down();
	assert_int_equal(machine_nr_cpus_online(), 1);
	assert_true(core_has(LOCKED));
	assert_int_equal(cpu_up(2), 0);
	assert_true(machine_cpu_is_online(2));
	assert_string_equal(sim_order(), "");
}

static void a_cpu_that_does_not_go_leaves_all_as_it_is(void **state)
{
	(void)state;
	start_all(two_way);
	assert_int_equal(cpu_down(1), 0);
	assert_int_equal(cpu_down(2), 0);
	sim.move_error = -ERR_BUSY;
	assert_int_equal(cpu_down(3), -ERR_BUSY);
	assert_true(core_has(LOCKED));
	assert_false(text_mutex_held());
}

static void without_locks_nobody_comes_in(void **state)
{
	(void)state;
	start_all(two_way);
	all_down();
	sim.fail_open = true;
	assert_int_equal(cpu_up(1), -ERR_FAULT);
	assert_false(machine_cpu_is_online(1));
	assert_false(text_mutex_held());
	sim.fail_open = false;
	assert_int_equal(cpu_up(1), 0);
	assert_true(core_has(LOCKED));
}

static void the_boot_cpu_and_strangers_are_refused(void **state)
{
	(void)state;
	start_all(two_way);
	assert_int_equal(cpu_down(0), -ERR_INVAL);
	assert_int_equal(cpu_down(SIM_NR_CPUS), -ERR_INVAL);
	all_down();
	assert_int_equal(cpu_up(SIM_NR_CPUS), -ERR_INVAL);
	assert_true(core_has(UNLOCKED));
}

#define HOTPLUG_TEST(name) cmocka_unit_test_setup_teardown(name, reset, close_hotplug)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOTPLUG_TEST(text_is_in_up_form_while_one_cpu_is_left),
		HOTPLUG_TEST(what_has_gone_already_goes_for_nothing),
		HOTPLUG_TEST(one_way_only_the_cpus_move),
		HOTPLUG_TEST(a_cpu_that_does_not_go_leaves_all_as_it_is),
		HOTPLUG_TEST(without_locks_nobody_comes_in),
		HOTPLUG_TEST(the_boot_cpu_and_strangers_are_refused),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("cpu_hotplug", tests, NULL, NULL);
}
