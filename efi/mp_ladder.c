/* SPDX-License-Identifier: MIT */
#include "mp_ladder.h"

#include "atomic.h"
#include "cpus.h"
#include "fault.h"
#include "firmware.h"
#include "mem.h"
#include "rungs.h"
#include "strings.h"

#define ARRIVAL_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define HOME_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define MAX_NAMED 16 /* missing CPUs listed by APIC id in a sentence */

static struct mp_cpus cpus;
static enum machine_start rung = START_UP; /* that has brought CPUs */
static char reason_text[384];
static char results[NR_MACHINE_STARTS][96];

/* The call that started them. */
static bool out; /* some may be in our code */

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
	return !out && !rung_conductor_stuck();
}

static void note(enum machine_start which, const char *text)
{
	struct string s;

	string_init(&s, results[which], sizeof(results[which]));
	string_add(&s, text);
}

static const char *explain(enum machine_start which, EFI_STATUS status)
{
	if (status == EFI_TIMEOUT && which == START_TIMER)
		return "its call ended before a timer event came";
	if (status == EFI_TIMEOUT)
		return "a CPU did not come and go";
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

static EFI_STATUS start(enum machine_start which)
{
	u32 i;

	for (i = 0; i < cpus.nr_slots; i++)
		store_relaxed(&cpus.slots[i].state, AP_ABSENT);
	rung_timer_door(which != START_TIMER);
	if (fault(MP_REFUSED) || (fault(MP_ONLY_WAITS) && which < START_CONDUCTOR))
		return EFI_UNSUPPORTED;
	switch (which) {
	case START_ALL:
		return rung_all(&cpus);
	case START_EACH:
		return rung_each(&cpus);
	case START_TIMER:
		return rung_timer(&cpus);
	case START_CONDUCTOR:
		return rung_conductor(&cpus);
	default:
		return rung_sipi(&cpus);
	}
}

/* A-arrive: pairs with R-arrive. */
static void wait_for_arrivals(void)
{
	u64 deadline = rdtsc() + machine_ticks(ARRIVAL_TIMEOUT_NS);
	u32 i;

	rung_timer_door(true);
	for (i = 0; i < cpus.nr_slots; i++) {
		while (load_acquire(&cpus.slots[i].state) == AP_ABSENT && !rung_passed(deadline))
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

/* In "conductor" they come and go. */
static bool has_come(const struct percpu *pc)
{
	return pc->state == AP_ARRIVED || pc->state == AP_HOME;
}

static void name_missing(struct string *s)
{
	u32 i, named = 0;

	for (i = 0; i < cpus.nr_slots && named < MAX_NAMED; i++) {
		if (has_come(&cpus.slots[i]))
			continue;
		string_char(s, ' ');
		string_dec(s, cpus.slots[i].apic_id);
		named++;
	}
}

static void explain_missing(u32 nr_missing)
{
	struct string s;

	string_init(&s, reason_text, sizeof(reason_text));
	string_add(&s, "not in our loop after 5 s: ");
	string_dec(&s, nr_missing);
	string_add(&s, " of ");
	string_dec(&s, cpus.nr_slots);
	string_add(&s, " other CPUs, APIC ids");
	name_missing(&s);
}

static void note_reason(const char *text)
{
	struct string s;

	string_init(&s, reason_text, sizeof(reason_text));
	string_add(&s, text);
}

static void explain_refusal(enum machine_start which, EFI_STATUS status)
{
	struct string s;

	string_init(&s, results[which], sizeof(results[which]));
	string_add(&s, explain(which, status));
	if (which != START_CONDUCTOR || status != EFI_TIMEOUT)
		return;
	string_add(&s, ", APIC ids");
	name_missing(&s);
}

/* Firmware looks after its CPUs from its timer, every 100 ms, and then signals the event. */
static bool wait_for_firmware(void)
{
	u64 deadline = rdtsc() + machine_ticks(HOME_TIMEOUT_NS);
	bool all;

	firmware_enter_bare();
	if (rung == START_TIMER)
		rung_timer_back();
	do {
		all = rung_signalled(&cpus);
	} while (!all && !rung_passed(deadline));
	firmware_leave_bare();
	rung_timer_end();
	return all;
}

/* Return: true when this way is the one. */
static bool take_conductor(u32 nr_wanted)
{
	u32 nr_came = rung_conductor_number(nr_wanted);

	if (!nr_came) {
		note(START_CONDUCTOR, "firmware started CPUs and none came");
		rung = START_UP;
		return false;
	}
	note(START_CONDUCTOR, "CPUs came");
	if (nr_came < cpus.nr_slots) {
		explain_missing(cpus.nr_slots - nr_came);
		return true;
	}
	note_reason("the boot CPU is not used: it waits in firmware for the others");
	return true;
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
		explain_refusal(which, status);
		return false;
	}
	rung = which;
	if (which == START_CONDUCTOR)
		return take_conductor(nr_wanted);
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

/* With one other CPU a conductor would be as alone as the boot CPU is. */
static bool is_tried(enum machine_start which, enum machine_start wanted)
{
	if (wanted != START_AUTO)
		return wanted == which;
	return which != START_SIPI && (which != START_CONDUCTOR || cpus.nr_slots > 1);
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
	memset(results, 0, sizeof(results));
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

	while (state == AP_ARRIVED && !rung_passed(deadline)) {
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

	if (rung == START_CONDUCTOR)
		cpus_forget();
	if (rung_conductor_stuck())
		return -ERR_TIMEOUT;
	rung_conductor_end();
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
