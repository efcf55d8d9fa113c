/* SPDX-License-Identifier: MIT */
/*
 * The way "conductor", against firmware of the test's own: see test_mp_ladder.c.
 */
#include "unit.h"

#include "mp_fixture.h"

static u32 nr_run, lead_of[4];

static int set_up(void **state)
{
	(void)state;
	mp_reset();
	/* The lowest id is neither the first nor the last. */
	slots[0].apic_id = 103;
	slots[1].apic_id = 100;
	nr_run = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return mp_join();
}

static const char *climb(enum machine_start wanted)
{
	return mp_ladder_climb(&mp_cpus, wanted, 1 + NR_APS);
}

static void expect_home(void)
{
	assert_int_equal(mp_ladder_descend(), 0);
	assert_true(mp_ladder_all_home());
	assert_int_equal(nr_events + nr_numbered, 0);
	assert_null(leader);
}

/* What a bench does: on the conductor, while all others are in their loop. */
static void bench(void *arg)
{
	assert_ptr_equal(arg, &nr_run);
	lead_of[nr_run++] = my_ap;
	assert_int_equal(bare_depth, 1);
	assert_false(is_away);
	for (u32 i = 0; i < NR_APS; i++)
		assert_int_equal(load_acquire(&slots[i].state), AP_ARRIVED);
}

static void firmware_that_only_waits_and_has_no_timer_is_called_once_a_bench(void **state)
{
	(void)state;
	fw.all = fw.each[0] = fw.each[1] = fw.each[2] = EFI_UNSUPPORTED;
	fw.no_timer = true;
	assert_string_equal(climb(START_AUTO),
			    "the boot CPU is not used: it waits in firmware for the others");
	assert_int_equal(mp_ladder_rung(), START_CONDUCTOR);
	assert_string_equal(mp_ladder_result(START_TIMER),
			    "its call ended before a timer event came");
	/* They came, and went again: firmware has all of them until there is work. */
	assert_true(mp_ladder_all_home());
	assert_true(is_away && all_done(NULL));
	fw.nr_waiting = 1;
	for (u32 i = 1; i <= 3; i++) {
		assert_int_equal(mp_ladder_stage(bench, &nr_run), 0);
		assert_int_equal(nr_run, i);
		assert_int_equal(lead_of[i - 1], 1);
		assert_int_equal(fw.nr_waiting, 1 + i);
		/* Whatever is written now is written by the boot CPU, with nobody out. */
		assert_true(is_away && all_done(NULL));
		assert_int_equal(bare_depth, 0);
	}
	expect_home();
}

static void the_lowest_apic_id_leads_and_the_others_are_numbered_behind_it(void **state)
{
	(void)state;
	climb(START_CONDUCTOR);
	assert_ptr_equal(leader, &slots[1]);
	assert_int_equal(slots[1].cpu, 0);
	assert_int_equal(nr_numbered, NR_APS - 1);
	assert_int_equal(slots[0].cpu, 1);
	assert_int_equal(slots[2].cpu, 2);
	expect_home();
}

static void with_one_other_cpu_it_is_not_tried_unless_it_is_asked_for(void **state)
{
	struct mp_cpus cpus = mp_cpus;

	(void)state;
	cpus.nr_slots = 1;
	fw.all = fw.each[0] = fw.waiting = EFI_UNSUPPORTED;
	assert_non_null(mp_ladder_climb(&cpus, START_AUTO, 2));
	assert_null(mp_ladder_result(START_CONDUCTOR));
	mp_ladder_climb(&cpus, START_CONDUCTOR, 2);
	assert_non_null(mp_ladder_result(START_CONDUCTOR));
}

static void who_does_not_come_when_the_roll_is_called_makes_it_unusable(void **state)
{
	(void)state;
	fw.loses[0] = true;
	assert_string_equal(climb(START_CONDUCTOR),
			    "conductor: a CPU did not come and go, APIC ids 103");
	assert_int_equal(mp_ladder_rung(), START_UP);
	assert_int_equal(nr_run, 0);
	assert_int_equal(mp_ladder_stage(bench, &nr_run), -ERR_TIMEOUT);
	expect_home();
}

static void who_is_late_for_the_roll_call_turns_round(void **state)
{
	(void)state;
	fw.late[2] = true;
	assert_non_null(strstr(climb(START_CONDUCTOR), "did not come and go, APIC ids 102"));
	while (!load_acquire(&aps[2].done))
		usleep(1000);
	assert_int_equal(slots[2].state, AP_HOME);
	expect_home();
}

static void firmware_that_lies_or_turns_cpus_away_is_found_out(void **state)
{
	(void)state;
	fw.turns_away = true;
	assert_string_equal(climb(START_CONDUCTOR),
			    "conductor: firmware started CPUs and none came");
	assert_int_equal(mp_ladder_rung(), START_UP);
	expect_home();
}

static void who_gets_lost_later_costs_the_bench(void **state)
{
	(void)state;
	climb(START_CONDUCTOR);
	fw.loses_later = true;
	/* Firmware's patience is the test's; real firmware has none, and the dead-man ends it. */
	assert_int_equal(mp_ladder_stage(bench, &nr_run), -ERR_BUSY);
	assert_int_equal(nr_run, 0);
	fw.loses_later = fw.loses[0] = false;
	assert_int_equal(mp_ladder_stage(bench, &nr_run), 0);
	assert_int_equal(nr_run, 1);
	expect_home();
}

static void firmware_that_refuses_later_costs_the_bench(void **state)
{
	(void)state;
	climb(START_CONDUCTOR);
	fw.stage = EFI_NOT_READY;
	assert_int_equal(mp_ladder_stage(bench, &nr_run), -ERR_BUSY);
	assert_int_equal(nr_run, 0);
	fw.stage = EFI_SUCCESS;
	assert_int_equal(mp_ladder_stage(bench, &nr_run), 0);
	expect_home();
}

static void too_long(void *unused)
{
	(void)unused;
	usleep(LATE_US);
}

static void firmware_that_says_too_early_that_it_is_over_is_not_gone_back_to(void **state)
{
	(void)state;
	climb(START_CONDUCTOR);
	fw.hurries = true;
	mp_ladder_stage(too_long, NULL);
	assert_false(mp_ladder_all_home());
	assert_int_equal(mp_ladder_stage(bench, &nr_run), -ERR_TIMEOUT);
	assert_int_equal(nr_run, 0);
	assert_int_equal(mp_ladder_descend(), -ERR_TIMEOUT);
}

static void without_memory_there_is_none(void **state)
{
	(void)state;
	fw.no_memory = true;
	assert_string_equal(climb(START_CONDUCTOR),
			    "conductor: firmware refused to start the other CPUs");
	assert_int_equal(fw.nr_waiting, 0);
	expect_home();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(firmware_that_only_waits_and_has_no_timer_is_called_once_a_bench),
		TEST(the_lowest_apic_id_leads_and_the_others_are_numbered_behind_it),
		TEST(with_one_other_cpu_it_is_not_tried_unless_it_is_asked_for),
		TEST(who_does_not_come_when_the_roll_is_called_makes_it_unusable),
		TEST(who_is_late_for_the_roll_call_turns_round),
		TEST(firmware_that_lies_or_turns_cpus_away_is_found_out),
		TEST(who_gets_lost_later_costs_the_bench),
		TEST(firmware_that_refuses_later_costs_the_bench),
		TEST(firmware_that_says_too_early_that_it_is_over_is_not_gone_back_to),
		TEST(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
