/* SPDX-License-Identifier: MIT */
/*
 * Firmware starts the other CPUs once, without waiting for them, and each goes into our loop until
 * the end. A second dispatch of a CPU that still runs is fatal on some firmware, and each costs 10
 * ms or more, so MP services is a launcher here and nothing else.
 */
#include "mp.h"

#include "apic.h"
#include "atomic.h"
#include "cpus.h"
#include "fault.h"
#include "firmware.h"
#include "idt.h"
#include "machine.h"
#include "mem.h"
#include "mp_services.h"
#include "paging.h"
#include "strings.h"
#include "x86.h"

#define ARRIVAL_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define HOME_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define MAX_NAMED 16 /* missing CPUs listed by APIC id in a sentence */

/* asm: ap_entry.S */
void ap_call_on_stack(struct percpu *pc, void (*fn)(struct percpu *), void *stack_top);

static struct mp_services *services;
static struct percpu *slots; /* one for each other CPU that could be started */
static size_t slots_bytes;
static u32 nr_slots;
static EFI_EVENT all_done;
static bool tried, started, all_home = true;

static char reason_text[320];
static const char *reason;

static const char *give_reason(const char *text)
{
	struct string s;

	string_init(&s, reason_text, sizeof(reason_text));
	string_add(&s, text);
	reason = reason_text;
	return reason;
}

static bool get_info(UINTN number, struct mp_processor_info *ret)
{
	EFI_STATUS status;

	memset(ret, 0, sizeof(*ret));
	firmware_enter();
	status = services->get_info(services, number, ret);
	firmware_leave();
	return !EFI_ERROR(status);
}

static void add_slot(const struct mp_processor_info *info)
{
	struct percpu *pc;

	if (info->status & MP_STATUS_BSP || !(info->status & MP_STATUS_ENABLED) ||
	    !(info->status & MP_STATUS_HEALTHY))
		return;
	pc = &slots[nr_slots++];
	pc->self = pc;
	pc->apic_id = (u32)info->processor_id;
	/* Provisional, but never 0: that number has the boot CPU's interrupt table. */
	pc->cpu = nr_slots;
}

void mp_init(void)
{
	static const EFI_GUID guid = MP_SERVICES_GUID;
	struct mp_processor_info info;
	UINTN total = 0, enabled = 0, i;
	EFI_STATUS status;

	services = fault(NO_MP_PROTOCOL) ? NULL : firmware_locate(&guid);
	if (!services)
		return;
	firmware_enter();
	status = services->get_number(services, &total, &enabled);
	firmware_leave();
	if (EFI_ERROR(status) || total < 2)
		return;
	slots_bytes = total * sizeof(*slots);
	slots = machine_alloc(slots_bytes);
	for (i = 0; slots && i < total; i++) {
		if (get_info(i, &info))
			add_slot(&info);
	}
}

void mp_release(void)
{
	u32 i;

	if (!slots || !all_home)
		return;
	paging_drop_tops();
	for (i = 0; i < nr_slots; i++) {
		machine_free(slots[i].stack, AP_STACK_BYTES);
		machine_free(slots[i].top, PAGE_BYTES);
	}
	machine_free(slots, slots_bytes);
	slots = NULL;
	nr_slots = 0;
}

u32 machine_nr_cpus_present(void)
{
	return 1 + nr_slots;
}

const char *mp_rung(void)
{
	return started ? "nonblocking_startup_all_aps" : "none";
}

const char *mp_reason(void)
{
	return reason;
}

bool mp_all_home(void)
{
	return all_home;
}

static struct percpu *slot_of(u32 apic_id)
{
	u32 i;

	for (i = 0; i < nr_slots; i++) {
		if (slots[i].apic_id == apic_id)
			return &slots[i];
	}
	return NULL;
}

/*
 * Our interrupts that came after the last look would be delivered in firmware, whose table has
 * nothing for them: let them in before the table changes. Leaves interrupts off.
 */
static void drain_interrupts(struct percpu *pc)
{
	cli();
	while (apic_vector_in(pc, APIC_IRR, VECTOR_SYNC) ||
	       apic_vector_in(pc, APIC_IRR, VECTOR_WAKE) ||
	       apic_vector_in(pc, APIC_IRR, VECTOR_ABORT) ||
	       apic_vector_in(pc, APIC_IRR, VECTOR_INTERRUPT)) {
		sti();
		cpu_relax();
		cli();
	}
}

/* On our stack, interrupts off, firmware's state in force. */
static void ap_main(struct percpu *pc)
{
	cpu_state_save(pc);
	cpu_state_take(pc);
	/* R-arrive: all of @pc is filled. Pairs with A-arrive. The boot CPU may have given up: then
	 * go back. */
	if (raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ARRIVED))
		cpus_loop(pc);
	drain_interrupts(pc);
	cpu_state_restore(&pc->firmware_state);
	/* R-home: nothing of ours is in use on this CPU any more, but this stack. Pairs with
	 * A-home. */
	store_release(&pc->state, AP_HOME);
}

/* What firmware calls on each CPU, on its stack, in its convention. */
static void EFIAPI ap_entry(void *unused)
{
	struct percpu *pc;
	u32 apic_id;

	(void)unused;
	/* A CPU that firmware woke and that got lost on the way to us. */
	while (fault(AP_NEVER_ARRIVES))
		cpu_relax();
	if (!apic_my_id(&apic_id))
		return;
	pc = slot_of(apic_id);
	if (!pc)
		return;
	apic_detect(pc);
	if (cpu_state_unsupported() || read_cs() != idt_selector()) {
		/* R-arrive: nothing is published with it; the boot CPU need not wait. */
		store_release(&pc->state, AP_REFUSED);
		return;
	}
	ap_call_on_stack(pc, ap_main, pc->stack + AP_STACK_BYTES);
}

static bool prepare_slot(struct percpu *pc)
{
	pc->stack = machine_alloc(AP_STACK_BYTES);
	pc->top = machine_alloc(PAGE_BYTES);
	if (!pc->stack || !pc->top || !paging_add_top(pc->top))
		return false;
	cpus_guard_stack(pc);
	return true;
}

static bool prepare_slots(void)
{
	u32 i;

	for (i = 0; i < nr_slots; i++) {
		if (!prepare_slot(&slots[i]))
			return false;
	}
	return true;
}

static EFI_STATUS dispatch(void)
{
	EFI_STATUS status;

	if (fault(MP_REFUSED))
		return EFI_UNSUPPORTED;
	firmware_enter();
	/* No notification: the event is only ever looked at. */
	status = firmware.bs->CreateEvent(0, TPL_APPLICATION, NULL, NULL, &all_done);
	firmware_leave();
	if (EFI_ERROR(status))
		return status;
	/*
	 * Firmware loads this CPU's CR3, GDT and IDT into the others; it must find its own here.
	 * No timeout: when it ran out, firmware would reset CPUs that are in the middle of a row.
	 */
	firmware_enter_bare();
	status = services->startup_all_aps(services, ap_entry, FALSE, all_done, 0, NULL, NULL);
	if (EFI_ERROR(status))
		firmware.bs->CloseEvent(all_done);
	firmware_leave_bare();
	return status;
}

static const char *explain(EFI_STATUS status)
{
	if (status == EFI_UNSUPPORTED)
		return "firmware does not start CPUs without waiting for them";
	if (status == EFI_NOT_STARTED)
		return "firmware says that no other CPU is enabled";
	if (status == EFI_NOT_READY)
		return "firmware says that the other CPUs are busy";
	return "firmware refused to start the other CPUs";
}

/* A-arrive: pairs with R-arrive. */
static void wait_for_arrivals(void)
{
	u64 deadline = rdtsc() + machine_ticks(ARRIVAL_TIMEOUT_NS);
	u32 i;

	for (i = 0; i < nr_slots; i++) {
		while (load_acquire(&slots[i].state) == AP_ABSENT && (s64)(rdtsc() - deadline) < 0)
			cpu_relax();
	}
}

/* Number those that came, and tell those that may still come to turn round. */
static u32 count_arrivals(u32 nr_wanted)
{
	u32 i, nr_missing = 0;

	for (i = 0; i < nr_slots; i++) {
		/* A-arrive: either the CPU has come, or it will see that it is not waited for. */
		if (raw_atomic_try_cmpxchg(&slots[i].state, AP_ABSENT, AP_ABANDONED) ||
		    slots[i].state != AP_ARRIVED)
			nr_missing++;
		else if (machine_nr_cpus() < nr_wanted)
			cpus_add(&slots[i]);
	}
	return nr_missing;
}

static void explain_missing(u32 nr_missing)
{
	struct string s;
	u32 i, named = 0;

	string_init(&s, reason_text, sizeof(reason_text));
	string_add(&s, "not in our loop after 5 s: ");
	string_dec(&s, nr_missing);
	string_add(&s, " of ");
	string_dec(&s, nr_slots);
	string_add(&s, " other CPUs, APIC ids");
	for (i = 0; i < nr_slots && named < MAX_NAMED; i++) {
		if (slots[i].state == AP_ARRIVED)
			continue;
		string_char(&s, ' ');
		string_dec(&s, slots[i].apic_id);
		named++;
	}
	reason = reason_text;
}

static void take_cpus(u32 nr_wanted)
{
	EFI_STATUS status;
	u32 nr_missing;

	if (!prepare_slots()) {
		give_reason("no memory for the stacks of the other CPUs, or too many of them");
		return;
	}
	status = dispatch();
	if (EFI_ERROR(status)) {
		give_reason(explain(status));
		return;
	}
	started = true;
	all_home = false;
	wait_for_arrivals();
	nr_missing = count_arrivals(nr_wanted);
	if (nr_missing)
		explain_missing(nr_missing);
}

int machine_start_cpus(u32 nr_wanted, const char **ret_reason)
{
	u32 nr_present = machine_nr_cpus_present();

	if (nr_wanted > nr_present)
		return -ERR_RANGE;
	if (nr_wanted == 0)
		nr_wanted = nr_present;
	if (!tried) {
		tried = true;
		if (!services)
			give_reason("firmware has no MP services, so no other CPU can be started");
		else if (nr_present == 1)
			give_reason("firmware knows of one CPU");
		else if (nr_wanted == 1)
			give_reason("one was asked for; the others stay in firmware");
		else
			take_cpus(nr_wanted);
		if (!reason && machine_nr_cpus() < nr_present)
			give_reason("fewer were asked for than there are");
	}
	*ret_reason = reason;
	return 0;
}

/* A-home: pairs with R-home. Return: true when this CPU is back, or never came into our loop. */
static bool wait_for_home(const struct percpu *pc, u64 deadline)
{
	u32 state = load_acquire(&pc->state);

	while (state == AP_ARRIVED && (s64)(rdtsc() - deadline) < 0) {
		cpu_relax();
		state = load_acquire(&pc->state);
	}
	return state == AP_HOME || state == AP_REFUSED;
}

/* Firmware looks after its CPUs from its timer, every 100 ms, and then signals the event. */
static bool wait_for_event(void)
{
	u64 deadline = rdtsc() + machine_ticks(HOME_TIMEOUT_NS);
	EFI_STATUS status;

	firmware_enter_bare();
	do {
		status = firmware.bs->CheckEvent(all_done);
	} while (status == EFI_NOT_READY && (s64)(rdtsc() - deadline) < 0);
	if (status == EFI_SUCCESS)
		firmware.bs->CloseEvent(all_done);
	firmware_leave_bare();
	return status == EFI_SUCCESS;
}

int machine_stop_cpus(void)
{
	u64 deadline = rdtsc() + machine_ticks(HOME_TIMEOUT_NS);
	bool all_back = true;
	u32 i;

	if (all_home)
		return 0;
	for (i = 0; i < nr_slots; i++) {
		if (load_acquire(&slots[i].state) == AP_ARRIVED)
			cpus_send_home(&slots[i]);
	}
	for (i = 0; i < nr_slots; i++)
		all_back &= wait_for_home(&slots[i], deadline);
	cpus_forget();
	if (!all_back || !wait_for_event())
		return -ERR_TIMEOUT;
	all_home = true;
	return 0;
}
