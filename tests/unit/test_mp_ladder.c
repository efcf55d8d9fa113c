/* SPDX-License-Identifier: MIT */
/*
 * The ways to start CPUs, against firmware that is the test's: it refuses, lies, comes late, loses
 * a CPU, or never says that it is done. Threads are its CPUs. Deadlines are 20 times shorter.
 */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "atomic.h"
#include "cpus.h"
#include "firmware.h"
#include "mp_ladder.h"
#include "x86.h"

#define NR_APS 3
#define FASTER 20
#define TICKS_PER_NS 3 /* or less: only deadlines hang on it */
#define LATE_US 600000 /* longer than any deadline here */

struct ap {
	pthread_t thread;
	bool running; /* has a thread to join */
	u32 done; /* the thread is back in firmware */
	EFI_EVENT event;
};

/* How firmware behaves. */
static struct stand_in {
	EFI_STATUS all, each[NR_APS], waiting;
	bool loses[NR_APS]; /* says it has started it */
	bool late[NR_APS];
	bool turns_away; /* CPUs go back at once: nobody comes, and firmware is done */
	bool silent; /* never signals */
	bool no_timer; /* no event comes while it waits */
	bool no_events;
	u32 nr_all, nr_each, nr_waiting, nr_stopped;
	EFI_EVENT_NOTIFY notify;
	bool armed;
} fw;

static struct ap aps[NR_APS];
static struct percpu slots[NR_APS];
static __thread u32 my_ap;
static u32 nr_numbered, bare_depth, nr_events;

struct firmware firmware;

/* ---- What the ladder calls besides firmware ---- */

void firmware_enter(void)
{
}

void firmware_leave(void)
{
}

void firmware_enter_bare(void)
{
	bare_depth++;
}

void firmware_leave_bare(void)
{
	assert_int_equal(bare_depth, 1);
	bare_depth--;
}

u64 machine_ticks(u64 ns)
{
	return ns * TICKS_PER_NS / FASTER;
}

void *machine_alloc(size_t bytes)
{
	return calloc(1, bytes);
}

u64 machine_irq_save(void)
{
	return EFLAGS_IF;
}

void machine_irq_restore(u64 flags)
{
	assert_int_equal(flags, EFLAGS_IF);
}

u32 machine_nr_cpus(void)
{
	return 1 + nr_numbered;
}

bool cpus_add(struct percpu *pc)
{
	pc->cpu = ++nr_numbered;
	return true;
}

void cpus_forget(void)
{
	nr_numbered = 0;
}

void cpus_send_home(struct percpu *pc)
{
	fw.nr_stopped++;
	store_release(&pc->stop, true);
}

/* ---- Firmware ---- */

static void EFIAPI ap_entry(void *unused)
{
	struct percpu *pc = &slots[my_ap];

	(void)unused;
	if (fw.turns_away || !mp_ladder_may_come()) {
		store_release(&pc->state, AP_REFUSED);
		return;
	}
	if (raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ARRIVED)) {
		while (!load_acquire(&pc->stop))
			usleep(1000);
	}
	store_release(&pc->state, AP_HOME);
}

static void *ap_thread(void *arg)
{
	struct ap *ap = arg;

	my_ap = (u32)(ap - aps);
	if (fw.late[my_ap])
		usleep(LATE_US);
	ap_entry(NULL);
	store_release(&ap->done, true);
	return NULL;
}

static void start_ap(u32 i, EFI_EVENT event)
{
	/* A second dispatch of a CPU that runs is what real firmware does not survive. */
	assert_true(!aps[i].running || load_acquire(&aps[i].done));
	if (aps[i].running)
		pthread_join(aps[i].thread, NULL);
	aps[i] = (struct ap){ .event = event, .running = !fw.loses[i] };
	if (!fw.loses[i])
		assert_int_equal(pthread_create(&aps[i].thread, NULL, ap_thread, &aps[i]), 0);
}

static bool all_done(EFI_EVENT event)
{
	for (u32 i = 0; i < NR_APS; i++)
		if (aps[i].event == event && !load_acquire(&aps[i].done))
			return false;
	return true;
}

static void timer_interrupt(void)
{
	if (fw.armed && !fw.no_timer)
		fw.notify(NULL, NULL);
}

/* The caller waits; its timer goes off meanwhile, on its stack, also before a CPU is awake. */
static EFI_STATUS wait_for_aps(void)
{
	fw.nr_waiting++;
	if (fw.waiting)
		return fw.waiting;
	for (u32 i = 0; i < NR_APS; i++) {
		timer_interrupt();
		start_ap(i, NULL);
	}
	while (!all_done(NULL)) {
		timer_interrupt();
		usleep(1000);
	}
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI startup_all_aps(struct mp_services *this, mp_procedure procedure,
					 BOOLEAN one_by_one, EFI_EVENT done, UINTN timeout_us,
					 void *argument, UINTN **ret_failed)
{
	assert_int_equal(bare_depth, 1);
	assert_ptr_equal(procedure, ap_entry);
	assert_true(!one_by_one && !timeout_us && !argument && !ret_failed && this);
	if (!done)
		return wait_for_aps();
	fw.nr_all++;
	for (u32 i = 0; i < NR_APS && !fw.all; i++)
		start_ap(i, done);
	return fw.all;
}

static EFI_STATUS EFIAPI startup_this_ap(struct mp_services *this, mp_procedure procedure,
					 UINTN number, EFI_EVENT done, UINTN timeout_us,
					 void *argument, BOOLEAN *ret_finished)
{
	u32 i = (u32)number - 10;

	assert_int_equal(bare_depth, 1);
	assert_ptr_equal(procedure, ap_entry);
	assert_true(done && !timeout_us && !argument && !ret_finished && this && i < NR_APS);
	fw.nr_each++;
	if (!fw.each[i])
		start_ap(i, done);
	return fw.each[i];
}

static EFI_STATUS EFIAPI create_event(UINT32 type, EFI_TPL tpl, EFI_EVENT_NOTIFY notify, void *ctx,
				      EFI_EVENT *ret)
{
	if (fw.no_events)
		return EFI_OUT_OF_RESOURCES;
	assert_true(tpl == TPL_CALLBACK && !ctx);
	assert_int_equal(type, notify ? EVT_TIMER | EVT_NOTIFY_SIGNAL : 0);
	if (notify)
		fw.notify = notify;
	nr_events++;
	*ret = malloc(1);
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI set_timer(EFI_EVENT event, EFI_TIMER_DELAY type, UINT64 time)
{
	assert_true(event && type == TimerPeriodic && time);
	fw.armed = true;
	return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI check_event(EFI_EVENT event)
{
	return !fw.silent && all_done(event) ? EFI_SUCCESS : EFI_NOT_READY;
}

static EFI_STATUS EFIAPI close_event(EFI_EVENT event)
{
	nr_events--;
	free(event);
	return EFI_SUCCESS;
}

static EFI_BOOT_SERVICES boot_services = { .CreateEvent = create_event,
					   .SetTimer = set_timer,
					   .CheckEvent = check_event,
					   .CloseEvent = close_event };
static struct mp_services services = { .startup_all_aps = startup_all_aps,
				       .startup_this_ap = startup_this_ap };

/* ---- Tests ---- */

static int set_up(void **state)
{
	(void)state;
	memset(&fw, 0, sizeof(fw));
	memset(aps, 0, sizeof(aps));
	memset(slots, 0, sizeof(slots));
	for (u32 i = 0; i < NR_APS; i++) {
		slots[i].apic_id = 100 + i;
		slots[i].mp_number = 10 + i;
	}
	firmware.bs = &boot_services;
	nr_numbered = nr_events = bare_depth = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (u32 i = 0; i < NR_APS; i++) {
		store_release(&slots[i].stop, true);
		if (aps[i].running)
			pthread_join(aps[i].thread, NULL);
	}
	return bare_depth;
}

static const char *climb(enum machine_start wanted)
{
	struct mp_cpus cpus = { &services, slots, NR_APS, ap_entry };

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
	assert_int_equal(mp_ladder_rung(), START_UP);
	expect_home();
}

static void no_events_no_cpus(void **state)
{
	(void)state;
	fw.no_events = true;
	assert_non_null(climb(START_AUTO));
	assert_int_equal(fw.nr_all + fw.nr_each + fw.nr_waiting, 0);
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
	assert_int_equal(fw.nr_waiting, 1);
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
	for (enum machine_start way = START_ALL; way < START_UP; way++) {
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
	for (enum machine_start way = START_ALL; way < START_UP; way++) {
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

static void those_above_the_number_wanted_come_and_are_not_used(void **state)
{
	struct mp_cpus cpus = { &services, slots, NR_APS, ap_entry };

	(void)state;
	assert_null(mp_ladder_climb(&cpus, START_AUTO, 2));
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
		TEST(no_events_no_cpus),
		TEST(a_lie_is_found_out_and_the_next_way_is_tried),
		TEST(no_second_way_is_tried_while_firmware_has_not_ended_the_first),
		TEST(a_cpu_that_is_late_turns_round),
		TEST(a_cpu_that_is_lost_is_named_and_not_forgotten),
		TEST(silence_at_the_end_is_no_failure_but_firmware_is_not_gone_back_to),
		TEST(one_way_can_be_forced),
		TEST(those_above_the_number_wanted_come_and_are_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
