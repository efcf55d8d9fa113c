/* SPDX-License-Identifier: MIT */
#include "mp_ladder.h"

#include "atomic.h"
#include "cpus.h"
#include "fault.h"
#include "firmware.h"
#include "strings.h"
#include "x86.h"

#define ARRIVAL_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define HOME_TIMEOUT_NS (5 * NSEC_PER_SEC)
/* How long a CPU waits for the boot CPU to come out of firmware, in the timer event. */
#define TIMER_TIMEOUT_NS (2 * NSEC_PER_SEC)
#define TIMER_PERIOD_100NS 100000
/* After that the timer event goes on with the CPUs that are there; waking hundreds takes time. */
#define DOOR_TIMEOUT_NS (1 * NSEC_PER_SEC)
#define FIRMWARE_STACK_BYTES (256 * 1024ul) /* UEFI 2.10, 2.3.4 promises 128 KiB */
#define MAX_NAMED 16 /* missing CPUs listed by APIC id in a sentence */

static struct mp_cpus cpus;
static enum machine_start rung = START_UP; /* that has brought CPUs */
static char reason_text[384];
static char results[NR_MACHINE_STARTS][96];

/* The call that started them. */
static bool out; /* some may be in our code */
static bool over; /* firmware has said that its call is done */
static EFI_EVENT all_done; /* of "all" */

/* "timer": the two stacks, and what firmware said when it was done waiting. */
static EFI_EVENT timer;
static void *run_sp, *firmware_sp, *firmware_stack;
static EFI_STATUS waited_status;
static bool left_firmware; /* for the run, from the timer event */
static u64 door_deadline;
static u32 may_come; /* boot CPU: all may come in; the CPUs read it */
static u32 nr_at_door; /* CPUs that have waited for it */

enum machine_start mp_ladder_rung(void)
{
	return rung;
}

const char *mp_ladder_result(enum machine_start which)
{
	return results[which][0] ? results[which] : NULL;
}

bool mp_ladder_all_home(void)
{
	return !out;
}

static bool passed(u64 deadline)
{
	return (s64)(rdtsc() - deadline) >= 0;
}

static void note(enum machine_start which, const char *text)
{
	struct string s;

	string_init(&s, results[which], sizeof(results[which]));
	string_add(&s, text);
}

static const char *explain(EFI_STATUS status)
{
	if (status == EFI_UNSUPPORTED)
		return "firmware does not start CPUs without waiting for them";
	if (status == EFI_NOT_STARTED)
		return "firmware says that no other CPU is enabled";
	if (status == EFI_NOT_READY)
		return "firmware says that the other CPUs are busy";
	if (status == EFI_INVALID_PARAMETER)
		return "firmware does not understand the request";
	return "firmware refused to start the other CPUs";
}

static EFI_STATUS make_event(u32 type, EFI_EVENT_NOTIFY notify, EFI_EVENT *ret)
{
	EFI_STATUS status;

	firmware_enter();
	status = firmware.bs->CreateEvent(type, TPL_CALLBACK, notify, NULL, ret);
	firmware_leave();
	return status;
}

static void close_event(EFI_EVENT *event)
{
	if (!*event)
		return;
	firmware_enter();
	firmware.bs->CloseEvent(*event);
	firmware_leave();
	*event = NULL;
}

/*
 * Firmware loads this CPU's CR3, GDT and IDT into the others, so it must find its own here. No
 * timeout: when it ran out, firmware would reset CPUs that are in the middle of a row.
 */
static EFI_STATUS start_all(void)
{
	EFI_STATUS status = make_event(0, NULL, &all_done);

	if (EFI_ERROR(status))
		return status;
	firmware_enter_bare();
	status = cpus.services->startup_all_aps(cpus.services, cpus.entry, FALSE, all_done, 0, NULL,
						NULL);
	firmware_leave_bare();
	if (EFI_ERROR(status))
		close_event(&all_done);
	return status;
}

static EFI_STATUS start_one(struct percpu *pc)
{
	EFI_STATUS status = make_event(0, NULL, &pc->mp_done);

	if (EFI_ERROR(status))
		return status;
	firmware_enter_bare();
	status = cpus.services->startup_this_ap(cpus.services, cpus.entry, pc->mp_number,
						pc->mp_done, 0, NULL, NULL);
	firmware_leave_bare();
	if (EFI_ERROR(status)) {
		close_event(&pc->mp_done);
		pc->state = AP_REFUSED;
	}
	return status;
}

/* Once for each: a second one for a CPU that still runs is fatal on some firmware. */
static EFI_STATUS start_each(void)
{
	EFI_STATUS status, last = EFI_NOT_STARTED;
	u32 i, nr_started = 0;

	for (i = 0; i < cpus.nr_slots; i++) {
		status = start_one(&cpus.slots[i]);
		if (EFI_ERROR(status))
			last = status;
		else
			nr_started++;
	}
	return nr_started ? EFI_SUCCESS : last;
}

/*
 * In firmware's timer interrupt, with firmware below. It may be in the middle of waking CPUs, and
 * gets no further while we are here, so the run goes on only when they have come.
 */
static void EFIAPI on_timer(EFI_EVENT event, void *unused)
{
	/* A-door: pairs with R-door. */
	u32 nr = load_acquire(&nr_at_door);

	(void)event;
	(void)unused;
	if (left_firmware || nr == 0 || (nr < cpus.nr_slots && !passed(door_deadline)))
		return;
	left_firmware = true;
	stack_switch(&firmware_sp, run_sp);
	/* All CPUs are home; firmware will see that, and its call ends. */
}

static void wait_in_firmware(void)
{
	waited_status = cpus.services->startup_all_aps(cpus.services, cpus.entry, FALSE, NULL, 0,
						       NULL, NULL);
	over = true;
	stack_switch(&firmware_sp, run_sp);
	__builtin_unreachable();
}

static EFI_STATUS arm_timer(void)
{
	EFI_STATUS status = make_event(EVT_TIMER | EVT_NOTIFY_SIGNAL, on_timer, &timer);

	if (EFI_ERROR(status))
		return status;
	firmware_enter();
	status = firmware.bs->SetTimer(timer, TimerPeriodic, TIMER_PERIOD_100NS);
	firmware_leave();
	return status;
}

static EFI_STATUS start_in_timer(void)
{
	EFI_STATUS status;
	u64 flags;

	if (!firmware_stack)
		firmware_stack = machine_alloc(FIRMWARE_STACK_BYTES);
	if (!firmware_stack)
		return EFI_OUT_OF_RESOURCES;
	status = arm_timer();
	if (EFI_ERROR(status)) {
		close_event(&timer);
		return status;
	}
	over = left_firmware = false;
	door_deadline = rdtsc() + machine_ticks(DOOR_TIMEOUT_NS);
	flags = machine_irq_save();
	machine_irq_restore(flags);
	firmware_enter_bare();
	stack_switch(&run_sp,
		     stack_prepare((u8 *)firmware_stack + FIRMWARE_STACK_BYTES, wait_in_firmware));
	firmware_leave_bare();
	/* The timer event may have come with interrupts off, and the run wants them on. */
	machine_irq_restore(flags);
	if (!over)
		return EFI_SUCCESS;
	close_event(&timer);
	/* Refused, or no timer event came in time for the CPUs, who went back. */
	return EFI_ERROR(waited_status) ? waited_status : EFI_TIMEOUT;
}

static EFI_STATUS start_by_sipi(void)
{
	EFI_STATUS status = cpus.own_prepare ? cpus.own_prepare(cpus.entry) : EFI_UNSUPPORTED;
	u32 i, nr_started = 0;

	if (EFI_ERROR(status))
		return status;
	for (i = 0; i < cpus.nr_slots; i++) {
		status = cpus.own_start(&cpus.slots[i]);
		if (!EFI_ERROR(status))
			nr_started++;
	}
	return nr_started ? EFI_SUCCESS : status;
}

/* The CPUs read may_come on their way in: before they are started. */
static EFI_STATUS start(enum machine_start which)
{
	u32 i;

	for (i = 0; i < cpus.nr_slots; i++)
		store_relaxed(&cpus.slots[i].state, AP_ABSENT);
	store_relaxed(&nr_at_door, 0);
	/* R-enter: nothing is published with it. Pairs with A-enter. */
	store_release(&may_come, which != START_TIMER);
	if (fault(MP_REFUSED))
		return EFI_UNSUPPORTED;
	switch (which) {
	case START_ALL:
		return start_all();
	case START_EACH:
		return start_each();
	case START_SIPI:
		return start_by_sipi();
	default:
		return start_in_timer();
	}
}

bool mp_ladder_may_come(void)
{
	u64 deadline = rdtsc() + machine_ticks(TIMER_TIMEOUT_NS);

	/* R-door: nothing is published with it. Pairs with A-door. */
	raw_atomic_fetch_add(&nr_at_door, 1);
	/* A-enter: pairs with R-enter. */
	while (!load_acquire(&may_come)) {
		if (passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

/* A-arrive: pairs with R-arrive. */
static void wait_for_arrivals(void)
{
	u64 deadline = rdtsc() + machine_ticks(ARRIVAL_TIMEOUT_NS);
	u32 i;

	/* R-enter. */
	store_release(&may_come, true);
	for (i = 0; i < cpus.nr_slots; i++) {
		while (load_acquire(&cpus.slots[i].state) == AP_ABSENT && !passed(deadline))
			cpu_relax();
	}
}

/* Number those that came, and tell those that may still come to turn round. */
static u32 count_arrivals(u32 nr_wanted)
{
	u32 i, nr_arrived = 0;

	for (i = 0; i < cpus.nr_slots; i++) {
		struct percpu *pc = &cpus.slots[i];

		/* A-arrive: either the CPU has come, or it will see that it is not waited for. */
		if (raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ABANDONED) ||
		    pc->state != AP_ARRIVED)
			continue;
		nr_arrived++;
		if (machine_nr_cpus() < nr_wanted)
			cpus_add(pc);
	}
	return nr_arrived;
}

static void explain_missing(u32 nr_missing)
{
	struct string s;
	u32 i, named = 0;

	string_init(&s, reason_text, sizeof(reason_text));
	string_add(&s, "not in our loop after 5 s: ");
	string_dec(&s, nr_missing);
	string_add(&s, " of ");
	string_dec(&s, cpus.nr_slots);
	string_add(&s, " other CPUs, APIC ids");
	for (i = 0; i < cpus.nr_slots && named < MAX_NAMED; i++) {
		if (cpus.slots[i].state == AP_ARRIVED)
			continue;
		string_char(&s, ' ');
		string_dec(&s, cpus.slots[i].apic_id);
		named++;
	}
}

/* Looking at an event takes its signal away, so it is looked at once more only when there was none.
 */
static bool take_signal(EFI_EVENT *event)
{
	if (!*event)
		return true;
	if (firmware.bs->CheckEvent(*event) != EFI_SUCCESS)
		return false;
	firmware.bs->CloseEvent(*event);
	*event = NULL;
	return true;
}

static bool all_signalled(void)
{
	bool all = take_signal(&all_done);
	u32 i;

	for (i = 0; i < cpus.nr_slots; i++)
		all &= take_signal(&cpus.slots[i].mp_done);
	return all;
}

/* Firmware looks after its CPUs from its timer, every 100 ms, and then signals the event. */
static bool wait_for_firmware(void)
{
	u64 deadline = rdtsc() + machine_ticks(HOME_TIMEOUT_NS);
	bool all;

	firmware_enter_bare();
	if (rung == START_TIMER && !over)
		stack_switch(&run_sp, firmware_sp);
	do {
		all = all_signalled();
	} while (!all && !passed(deadline));
	firmware_leave_bare();
	close_event(&timer);
	return all;
}

/* Return: true when this way is the one, or no other may be tried. */
static bool try_rung(enum machine_start which, u32 nr_wanted)
{
	EFI_STATUS status;
	u32 nr_arrived;

	if (cpus.leave_out >> which & 1) {
		note(which, "left out, because it did not come back the last time");
		return false;
	}
	if (cpus.before)
		cpus.before(cpus.ctx, which);
	status = start(which);
	if (EFI_ERROR(status)) {
		note(which, status == EFI_TIMEOUT ? "its call ended before a timer event came"
						  : explain(status));
		return false;
	}
	rung = which;
	out = true;
	wait_for_arrivals();
	nr_arrived = count_arrivals(nr_wanted);
	if (nr_arrived < cpus.nr_slots)
		explain_missing(cpus.nr_slots - nr_arrived);
	if (nr_arrived) {
		note(which, "CPUs came");
		return true;
	}
	note(which, "firmware started CPUs and none came");
	/* In "timer" firmware waits for them, and so would we; in "sipi" it knows of nothing. */
	if (which == START_TIMER || which == START_SIPI || !wait_for_firmware())
		return true;
	out = false;
	rung = START_UP;
	return false;
}

static bool is_tried(enum machine_start which, enum machine_start wanted)
{
	return wanted == which || (wanted == START_AUTO && which != START_SIPI);
}

/* When nothing worked: the first way says most. */
static void explain_refusals(enum machine_start wanted)
{
	struct string s;
	u32 i;

	string_init(&s, reason_text, sizeof(reason_text));
	for (i = START_ALL; i < START_UP; i++) {
		if (!is_tried((enum machine_start)i, wanted) || !results[i][0])
			continue;
		if (s.len)
			string_add(&s, "; ");
		string_add(&s, machine_start_name((enum machine_start)i));
		string_add(&s, ": ");
		string_add(&s, results[i]);
	}
}

const char *mp_ladder_climb(const struct mp_cpus *them, enum machine_start wanted, u32 nr_wanted)
{
	u32 i;

	cpus = *them;
	rung = START_UP;
	out = false;
	reason_text[0] = '\0';
	for (i = START_ALL; i < START_UP; i++) {
		if (is_tried((enum machine_start)i, wanted) &&
		    try_rung((enum machine_start)i, nr_wanted))
			return reason_text[0] ? reason_text : NULL;
	}
	explain_refusals(wanted);
	return reason_text;
}

/* A-home: pairs with R-home. Return: true when this CPU is back, or never came into our loop. */
static bool wait_for_home(const struct percpu *pc, u64 deadline)
{
	u32 state = load_acquire(&pc->state);

	while (state == AP_ARRIVED && !passed(deadline)) {
		cpu_relax();
		state = load_acquire(&pc->state);
	}
	return state == AP_HOME || state == AP_REFUSED;
}

int mp_ladder_descend(void)
{
	u64 deadline = rdtsc() + machine_ticks(HOME_TIMEOUT_NS);
	bool all_back = true;
	u32 i;

	if (!out)
		return 0;
	for (i = 0; i < cpus.nr_slots; i++) {
		if (load_acquire(&cpus.slots[i].state) == AP_ARRIVED)
			cpus_send_home(&cpus.slots[i]);
	}
	for (i = 0; i < cpus.nr_slots; i++)
		all_back &= wait_for_home(&cpus.slots[i], deadline);
	cpus_forget();
	if (!all_back)
		return -ERR_TIMEOUT;
	/* Firmware does not know where they went, and gets none of them back. */
	if (rung == START_SIPI)
		return 0;
	/* All are home even if firmware never says so; but then it must not go on without us. */
	out = !wait_for_firmware();
	return 0;
}
