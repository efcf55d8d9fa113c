/* SPDX-License-Identifier: MIT */
/*
 * The ways to start CPUs, against firmware that is the test's: it refuses, lies, comes late, loses
 * a CPU, or never says that it is done. Threads are its CPUs. Deadlines are 20 times shorter.
 */
#include "unit.h"

#include "mp_fixture.h"

static u32 nr_before[NR_MACHINE_STARTS], leave_out;

static int set_up(void **state)
{
	(void)state;
	mp_reset();
	leave_out = 0;
	memset(nr_before, 0, sizeof(nr_before));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return mp_join();
}

static void count_before(void *ctx, enum machine_start how)
{
	assert_ptr_equal(ctx, nr_before);
	/* Nothing of it has happened yet. */
	assert_int_equal(how == START_SIPI    ? fw.nr_own
			 : how == START_ALL   ? fw.nr_all
			 : how == START_EACH  ? fw.nr_each
			 : how == START_TIMER ? fw.nr_waiting
					      : 0,
			 0);
	nr_before[how]++;
}

static const char *climb(enum machine_start wanted)
{
	struct mp_cpus cpus = mp_cpus;

	cpus.before = count_before;
	cpus.ctx = nr_before;
	cpus.leave_out = leave_out;
	return mp_ladder_climb(&cpus, wanted, 1 + NR_APS);
}

/* All that were started are back, nothing of firmware's is left over. */
static void expect_home(void)
{
	assert_int_equal(mp_ladder_descend(), 0);
	assert_true(mp_ladder_all_home());
	assert_int_equal(nr_events, 0);
	assert_int_equal(nr_numbered, 0);
}

static void firmware_that_does_it_is_asked_once(void **state)
{
	(void)state;
	assert_null(climb(START_AUTO));
	assert_int_equal(mp_ladder_rung(), START_ALL);
	assert_int_equal(nr_numbered, NR_APS);
	assert_false(mp_ladder_all_home());
	assert_string_equal(mp_ladder_result(START_ALL), "CPUs came");
	expect_home();
	assert_int_equal(fw.nr_all + fw.nr_each + fw.nr_waiting, 1);
	assert_int_equal(fw.nr_stopped, NR_APS);
}

static void each_is_asked_for_when_all_are_refused(void **state)
{
	(void)state;
	fw.all = EFI_UNSUPPORTED;
	assert_null(climb(START_AUTO));
	assert_int_equal(mp_ladder_rung(), START_EACH);
	assert_int_equal(nr_numbered, NR_APS);
	assert_string_equal(mp_ladder_result(START_ALL),
			    "firmware does not start CPUs without waiting for them");
	expect_home();
	assert_int_equal(fw.nr_each, NR_APS);
	assert_int_equal(fw.nr_waiting, 0);
}

static void of_each_those_that_are_refused_are_named(void **state)
{
	(void)state;
	fw.all = EFI_UNSUPPORTED;
	fw.each[1] = EFI_NOT_READY;
	assert_non_null(strstr(climb(START_AUTO), "1 of 3 other CPUs, APIC ids 101"));
	assert_int_equal(mp_ladder_rung(), START_EACH);
	assert_int_equal(nr_numbered, 2);
	expect_home();
}

static void the_run_goes_on_in_a_timer_event_when_firmware_only_waits(void **state)
{
	(void)state;
	fw.all = fw.each[0] = fw.each[1] = fw.each[2] = EFI_UNSUPPORTED;
	assert_null(climb(START_AUTO));
	assert_int_equal(mp_ladder_rung(), START_TIMER);
	assert_int_equal(nr_numbered, NR_APS);
	/* It is still in its call, below. */
	assert_int_equal(fw.nr_waiting, 1);
	assert_false(all_done(NULL));
	expect_home();
	assert_true(all_done(NULL));
}

static void a_timer_that_does_not_come_is_not_waited_for(void **state)
{
	(void)state;
	fw.no_timer = true;
	assert_non_null(
		strstr(climb(START_TIMER), "timer: its call ended before a timer event came"));
	assert_int_equal(mp_ladder_rung(), START_UP);
	assert_int_equal(nr_numbered, 0);
	expect_home();
}

static void firmware_that_refuses_everything_leaves_one_cpu_and_says_what_it_said(void **state)
{
	const char *reason;

	(void)state;
	fw.all = EFI_UNSUPPORTED;
	fw.each[0] = fw.each[1] = fw.each[2] = EFI_INVALID_PARAMETER;
	fw.waiting = EFI_NOT_READY;
	reason = climb(START_AUTO);
	assert_non_null(strstr(reason, "all: firmware does not start CPUs without waiting"));
	assert_non_null(strstr(reason, "each: firmware does not understand the request"));
	assert_non_null(strstr(reason, "timer: firmware says that the other CPUs are busy"));
	assert_non_null(strstr(reason, "conductor: firmware says that the other CPUs are busy"));
	assert_int_equal(mp_ladder_rung(), START_UP);
	assert_int_equal(fw.nr_own, 0);
	expect_home();
}

static void no_events_no_cpus_but_those_that_are_waited_for(void **state)
{
	(void)state;
	fw.no_events = true;
	assert_non_null(climb(START_AUTO));
	assert_int_equal(fw.nr_all + fw.nr_each, 0);
	assert_int_equal(fw.nr_waiting, 1);
	assert_int_equal(mp_ladder_rung(), START_CONDUCTOR);
	expect_home();
}

static void a_lie_is_found_out_and_the_next_way_is_tried(void **state)
{
	(void)state;
	fw.turns_away = true;
	assert_non_null(climb(START_AUTO));
	assert_string_equal(mp_ladder_result(START_ALL), "firmware started CPUs and none came");
	assert_int_equal(fw.nr_all, 1);
	assert_int_equal(fw.nr_each, NR_APS);
	assert_int_equal(fw.nr_waiting, 2);
	assert_int_equal(mp_ladder_rung(), START_UP);
	expect_home();
}

static void no_second_way_is_tried_while_firmware_has_not_ended_the_first(void **state)
{
	(void)state;
	fw.loses[0] = fw.loses[1] = fw.loses[2] = true;
	assert_non_null(strstr(climb(START_AUTO), "3 of 3 other CPUs, APIC ids 100 101 102"));
	assert_int_equal(fw.nr_each + fw.nr_waiting, 0);
	assert_int_equal(mp_ladder_descend(), -ERR_TIMEOUT);
	assert_false(mp_ladder_all_home());
}

static void a_cpu_that_is_late_turns_round(void **state)
{
	(void)state;
	fw.late[2] = true;
	assert_non_null(strstr(climb(START_AUTO), "1 of 3 other CPUs, APIC ids 102"));
	assert_int_equal(nr_numbered, 2);
	/* It is on its way; firmware waits for it, and so do we. */
	while (load_acquire(&slots[2].state) != AP_HOME)
		usleep(1000);
	expect_home();
	assert_int_equal(fw.nr_stopped, 2);
}

static void a_cpu_that_is_lost_is_named_and_not_forgotten(void **state)
{
	for (enum machine_start way = START_ALL; way < START_CONDUCTOR; way++) {
		set_up(state);
		fw.loses[0] = true;
		assert_non_null(strstr(climb(way), "1 of 3 other CPUs, APIC ids 100"));
		assert_int_equal(mp_ladder_rung(), way);
		assert_int_equal(nr_numbered, 2);
		assert_int_equal(mp_ladder_descend(), -ERR_TIMEOUT);
		assert_false(mp_ladder_all_home());
		tear_down(state);
	}
}

static void silence_at_the_end_is_no_failure_but_firmware_is_not_gone_back_to(void **state)
{
	(void)state;
	fw.silent = true;
	assert_null(climb(START_AUTO));
	assert_int_equal(mp_ladder_descend(), 0);
	assert_false(mp_ladder_all_home());
}

static void one_way_can_be_forced(void **state)
{
	for (enum machine_start way = START_ALL; way < START_CONDUCTOR; way++) {
		set_up(state);
		assert_null(climb(way));
		assert_int_equal(mp_ladder_rung(), way);
		assert_int_equal(nr_numbered, NR_APS);
		expect_home();
		assert_int_equal(fw.nr_all, way == START_ALL);
		assert_int_equal(fw.nr_each, way == START_EACH ? NR_APS : 0);
		assert_int_equal(fw.nr_waiting, way == START_TIMER);
		tear_down(state);
	}
}

static void past_firmware_only_when_asked_for_and_never_back(void **state)
{
	(void)state;
	assert_null(climb(START_SIPI));
	assert_int_equal(mp_ladder_rung(), START_SIPI);
	assert_int_equal(nr_numbered, NR_APS);
	assert_int_equal(fw.nr_own, NR_APS);
	assert_int_equal(nr_before[START_SIPI], 1);
	assert_int_equal(mp_ladder_descend(), 0);
	assert_false(mp_ladder_all_home());
	assert_int_equal(fw.nr_stopped, NR_APS);
	assert_int_equal(fw.nr_all + fw.nr_each + fw.nr_waiting + nr_events, 0);
}

static void past_firmware_a_cpu_may_not_begin_and_a_page_not_be_had(void **state)
{
	(void)state;
	fw.own[0] = EFI_TIMEOUT;
	assert_non_null(strstr(climb(START_SIPI), "1 of 3 other CPUs, APIC ids 100"));
	assert_int_equal(nr_numbered, 2);
	assert_int_equal(mp_ladder_descend(), -ERR_TIMEOUT);
	tear_down(state);
	set_up(state);
	fw.own_page = EFI_OUT_OF_RESOURCES;
	assert_non_null(strstr(climb(START_SIPI), "sipi: "));
	assert_int_equal(fw.nr_own, 0);
	expect_home();
}

static void each_way_is_told_of_before_and_those_that_hung_are_left_out(void **state)
{
	(void)state;
	leave_out = 1u << START_ALL;
	fw.each[0] = fw.each[1] = fw.each[2] = EFI_UNSUPPORTED;
	assert_null(climb(START_AUTO));
	assert_int_equal(fw.nr_all + nr_before[START_ALL], 0);
	assert_int_equal(nr_before[START_EACH], 1);
	assert_int_equal(nr_before[START_TIMER], 1);
	assert_non_null(strstr(mp_ladder_result(START_ALL), "left out"));
	assert_int_equal(mp_ladder_rung(), START_TIMER);
	expect_home();
}

static void those_above_the_number_wanted_come_and_are_not_used(void **state)
{
	(void)state;
	assert_null(mp_ladder_climb(&mp_cpus, START_AUTO, 2));
	assert_int_equal(nr_numbered, 1);
	expect_home();
	assert_int_equal(fw.nr_stopped, NR_APS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(firmware_that_does_it_is_asked_once),
		TEST(each_is_asked_for_when_all_are_refused),
		TEST(of_each_those_that_are_refused_are_named),
		TEST(the_run_goes_on_in_a_timer_event_when_firmware_only_waits),
		TEST(a_timer_that_does_not_come_is_not_waited_for),
		TEST(firmware_that_refuses_everything_leaves_one_cpu_and_says_what_it_said),
		TEST(no_events_no_cpus_but_those_that_are_waited_for),
		TEST(a_lie_is_found_out_and_the_next_way_is_tried),
		TEST(no_second_way_is_tried_while_firmware_has_not_ended_the_first),
		TEST(a_cpu_that_is_late_turns_round),
		TEST(a_cpu_that_is_lost_is_named_and_not_forgotten),
		TEST(silence_at_the_end_is_no_failure_but_firmware_is_not_gone_back_to),
		TEST(one_way_can_be_forced),
		TEST(past_firmware_only_when_asked_for_and_never_back),
		TEST(past_firmware_a_cpu_may_not_begin_and_a_page_not_be_had),
		TEST(each_way_is_told_of_before_and_those_that_hung_are_left_out),
		TEST(those_above_the_number_wanted_come_and_are_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
