/* SPDX-License-Identifier: MIT */
/*
 * Firmware of the test's own, with threads as its CPUs, and what efi/mp_ladder.c calls besides it.
 * Included once, after unit.h.
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
#define GUARD 0x5A
#define FASTER 20
#define TICKS_PER_NS 3 /* or less: only deadlines hang on it */
#define LATE_US 600000 /* longer than any deadline here */
#define STAGE_US 20000000 /* longer than a stage waits for its CPUs */

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
	bool loses_later; /* the first CPU, when it is started a second time */
	bool no_memory; /* to set aside */
	bool no_timer; /* no event comes while it waits */
	bool no_events;
	EFI_STATUS own_page, own[NR_APS];
	EFI_STATUS stage; /* each call that waits, after the first */
	bool hurries; /* its call is over, and the CPUs are still out */
	u32 nr_all, nr_each, nr_waiting, nr_stopped, nr_own;
	EFI_EVENT_NOTIFY notify;
	bool armed;
} fw;

static struct ap aps[NR_APS];
static struct percpu slots[NR_APS];
static __thread u32 my_ap;
static u32 nr_numbered, bare_depth, nr_events;
static struct percpu *leader;
static bool is_away; /* the numbered ones are in firmware */

struct firmware firmware;

/* ---- What the ladder calls besides firmware ---- */

void firmware_enter_for(const char *call)
{
	assert_non_null(call);
}

void firmware_leave(void)
{
}

void firmware_enter_bare_for(const char *call)
{
	assert_non_null(call);
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

/* Who leads is not counted; all others are numbered behind. */
void cpus_lead(struct percpu *pc)
{
	pc->cpu = 0;
	leader = pc;
}

void cpus_away(bool away)
{
	is_away = away;
}

void machine_free(void *mem, size_t bytes)
{
	(void)bytes;
	free(mem);
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
	leader = NULL;
}

void cpus_guard_stack(u8 *stack)
{
	stack[0] = GUARD;
}

bool cpus_stack_is_whole(const u8 *stack)
{
	return stack[0] == GUARD;
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
	if (raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ARRIVED) && !mp_ladder_serve(pc)) {
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

static bool nobody_is_absent(void)
{
	for (u32 i = 0; i < NR_APS; i++)
		if (load_acquire(&slots[i].state) == AP_ABSENT)
			return false;
	return true;
}

/*
 * The caller waits; its timer goes off meanwhile, on its stack, also before a CPU is awake. A CPU
 * that got lost it waits for until the timeout; here without one, too, or there would be no test.
 */
static EFI_STATUS wait_for_aps(UINTN timeout_us)
{
	u64 deadline;

	fw.nr_waiting++;
	if (fw.waiting)
		return fw.waiting;
	if (fw.nr_waiting > 1 && fw.stage)
		return fw.stage;
	if (fw.nr_waiting > 1 && fw.loses_later)
		fw.loses[0] = true;
	for (u32 i = 0; i < NR_APS; i++) {
		timer_interrupt();
		start_ap(i, NULL);
	}
	deadline = rdtsc() + machine_ticks((timeout_us ? timeout_us : STAGE_US) * NSEC_PER_USEC);
	while (!all_done(NULL) && !(fw.hurries && fw.nr_waiting > 1 && nobody_is_absent())) {
		if ((timeout_us || leader) && (s64)(rdtsc() - deadline) > 0)
			return EFI_TIMEOUT;
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
	assert_true(!one_by_one && !argument && !ret_failed && this);
	if (!done)
		return wait_for_aps(timeout_us);
	assert_false(timeout_us);
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

static bool set_aside(void)
{
	return !fw.no_memory;
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

static const struct mp_cpus mp_cpus = { .services = &services,
					.slots = slots,
					.nr_slots = NR_APS,
					.entry = ap_entry,
					.own_prepare = own_prepare,
					.own_start = own_start,
					.set_aside = set_aside };

static void mp_reset(void)
{
	memset(&fw, 0, sizeof(fw));
	memset(aps, 0, sizeof(aps));
	memset(slots, 0, sizeof(slots));
	for (u32 i = 0; i < NR_APS; i++) {
		slots[i].apic_id = 100 + i;
		slots[i].mp_number = 10 + i;
	}
	firmware.bs = &boot_services;
	nr_numbered = nr_events = bare_depth = 0;
	leader = NULL;
	is_away = false;
}

/* Return: 0 when all calls of firmware are over. */
static int mp_join(void)
{
	for (u32 i = 0; i < NR_APS; i++) {
		store_release(&slots[i].stop, true);
		if (aps[i].running)
			pthread_join(aps[i].thread, NULL);
		aps[i].running = false;
	}
	return (int)bare_depth;
}

#endif
