/* SPDX-License-Identifier: MIT */
/*
 * Firmware of the test's own, with threads as its CPUs, and what efi/mp_ladder.c calls besides it.
 * Included once, by test_mp_ladder.c, after unit.h.
 */
#ifndef SMPOKE_TESTS_MP_FIXTURE_H
#define SMPOKE_TESTS_MP_FIXTURE_H

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
	EFI_STATUS own_page, own[NR_APS];
	u32 nr_all, nr_each, nr_waiting, nr_stopped, nr_own;
	EFI_EVENT_NOTIFY notify;
	bool armed;
} fw;

static struct ap aps[NR_APS];
static struct percpu slots[NR_APS];
static __thread u32 my_ap;
static u32 nr_numbered, bare_depth, nr_events;
static u32 nr_before[NR_MACHINE_STARTS], leave_out;

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

/* Past firmware: it is in none of its states, and knows of nothing. */
static EFI_STATUS own_prepare(mp_procedure procedure)
{
	assert_ptr_equal(procedure, ap_entry);
	return fw.own_page;
}

static EFI_STATUS own_start(struct percpu *pc)
{
	u32 i = (u32)(pc - slots);

	assert_int_equal(bare_depth, 0);
	fw.nr_own++;
	if (!fw.own[i])
		start_ap(i, NULL);
	return fw.own[i];
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

#endif
