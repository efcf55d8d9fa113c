/* SPDX-License-Identifier: MIT */
/*
 * Firmware starts the other CPUs once, and each goes into our loop until the end. A second dispatch
 * of a CPU that still runs is fatal on some firmware, and each costs 10 ms or more, so MP services
 * is a launcher here and nothing else.
 */
#include "mp.h"

#include "apic.h"
#include "atomic.h"
#include "away.h"
#include "cpu_look.h"
#include "cpus.h"
#include "deadman.h"
#include "fault.h"
#include "firmware.h"
#include "idt.h"
#include "machine.h"
#include "mem.h"
#include "mp_ladder.h"
#include "mp_list.h"
#include "paging.h"
#include "sipi.h"
#include "strings.h"
#include "x86.h"

static struct mp_services *services;
static struct mp_list list;
static struct percpu **numbered; /* room for all */
static u64 **tops;
static size_t nr_listed;
static enum machine_start wanted;
static struct mp_cpus watch; /* only what machine_start_watch() says */
static bool x2apic_wanted;
static bool tried;
static const char *reason;

static bool get_info(UINTN number, struct mp_processor_info *ret)
{
	EFI_STATUS status;

	memset(ret, 0, sizeof(*ret));
	firmware_enter();
	status = services->get_info(services, number, ret);
	firmware_leave();
	return !EFI_ERROR(status);
}

static void give_room_back(void)
{
	cpus_use(NULL, 0);
	paging_use_tops(NULL, 0);
	machine_free(list.slots, nr_listed * sizeof(*list.slots));
	machine_free(numbered, nr_listed * sizeof(*numbered));
	machine_free(tops, nr_listed * sizeof(*tops));
	list.slots = NULL;
	list.nr_slots = 0;
	numbered = NULL;
	tops = NULL;
}

/* For as many as firmware lists, the boot CPU among them. */
static bool make_room(size_t nr)
{
	nr_listed = nr;
	list.slots = machine_alloc(nr * sizeof(*list.slots));
	numbered = machine_alloc(nr * sizeof(*numbered));
	tops = machine_alloc(nr * sizeof(*tops));
	if (!list.slots || !numbered || !tops) {
		give_room_back();
		return false;
	}
	cpus_use(numbered, (u32)nr);
	paging_use_tops(tops, (u32)nr);
	return true;
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
	if (!make_room(total))
		return;
	list.max_apic_id = boot_percpu.apic ? XAPIC_MAX_ID : UINT32_MAX;
	for (i = 0; i < total; i++) {
		if (get_info(i, &info))
			mp_list_add(&list, i, &info);
	}
}

void mp_release(void)
{
	u32 i;

	if (!list.slots || !mp_all_home())
		return;
	paging_drop_tops();
	for (i = 0; i < list.nr_slots; i++) {
		machine_free(list.slots[i].stack, AP_STACK_BYTES);
		machine_free(list.slots[i].top, PAGE_BYTES);
	}
	give_room_back();
}

u32 machine_nr_cpus_present(void)
{
	return 1 + list.nr_slots;
}

const char *mp_rung(void)
{
	return machine_start_name(mp_ladder_rung());
}

u32 mp_nr_disabled(void)
{
	return list.nr_disabled;
}

u32 mp_nr_unhealthy(void)
{
	return list.nr_unhealthy;
}

const char *mp_refused(void)
{
	return list.refused[0] ? list.refused : "none";
}

const char *mp_reason(void)
{
	return reason;
}

bool mp_all_home(void)
{
	return mp_ladder_all_home() && !apic_switched();
}

static struct percpu *slot_of(u32 apic_id)
{
	u32 i;

	for (i = 0; i < list.nr_slots; i++) {
		if (list.slots[i].apic_id == apic_id)
			return &list.slots[i];
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

static void loop_or_stage(struct percpu *pc)
{
	if (!mp_ladder_serve(pc))
		cpus_loop(pc);
}

/* On our stack, interrupts off, firmware's state in force. */
static void ap_main(struct percpu *pc)
{
	cpu_state_save(pc);
	cpu_state_take(pc);
	cpu_look(pc);
	/* R-arrive: all of @pc is filled. Pairs with A-arrive. The boot CPU may have given up: then
	 * go back. */
	if (raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ARRIVED))
		loop_or_stage(pc);
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
	apic_follow_boot_cpu();
	if (!apic_my_id(&apic_id))
		return;
	pc = slot_of(apic_id);
	if (!pc)
		return;
	apic_detect(pc);
	if (cpu_state_unsupported() || read_cs() != idt_selector() || !mp_ladder_may_come()) {
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
	cpus_guard_stack(pc->stack);
	return true;
}

static bool prepare_slots(void)
{
	u32 i;

	for (i = 0; i < list.nr_slots; i++) {
		if (!prepare_slot(&list.slots[i]))
			return false;
	}
	return true;
}

/* The mode last: there is no way back from it. */
static EFI_STATUS prepare_sipi(mp_procedure entry)
{
	EFI_STATUS status = sipi_prepare(entry);

	if (EFI_ERROR(status) || !x2apic_wanted)
		return status;
	if (!apic_use_x2apic())
		return EFI_UNSUPPORTED;
	firmware_is_called_anew();
	return EFI_SUCCESS;
}

static void take_cpus(u32 nr_wanted)
{
	struct mp_cpus cpus = watch;

	cpus.services = services;
	cpus.slots = list.slots;
	cpus.nr_slots = list.nr_slots;
	cpus.entry = ap_entry;
	cpus.own_prepare = prepare_sipi;
	cpus.own_start = sipi_start;
	cpus.set_aside = away_set_aside;
	if (prepare_slots())
		reason = mp_ladder_climb(&cpus, wanted, nr_wanted);
	else
		reason = "no memory for the stacks of the other CPUs";
}

void machine_start_watch(void (*before)(void *ctx, enum machine_start how), void *ctx,
			 u32 leave_out)
{
	watch.before = before;
	watch.ctx = ctx;
	watch.leave_out = leave_out;
}

int machine_start_select(enum machine_start how)
{
	wanted = how;
	return 0;
}

static void explain_refused(void)
{
	static char text[sizeof(list.refused) + 32];
	struct string s;

	string_init(&s, text, sizeof(text));
	string_add(&s, "firmware lists, and we leave: ");
	string_add(&s, list.refused);
	reason = text;
}

int machine_x2apic_select(void)
{
	if (!apic_has_x2apic())
		return -ERR_UNSUPPORTED;
	x2apic_wanted = true;
	return 0;
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
			reason = "firmware has no MP services, so no other CPU can be started";
		else if (nr_present == 1)
			reason = "firmware knows of one CPU";
		else if (nr_wanted == 1 || wanted == START_UP)
			reason = "one was asked for; the others stay in firmware";
		else
			take_cpus(nr_wanted);
		if (!reason && machine_nr_cpus() < nr_present)
			reason = "fewer were asked for than there are";
		if (!reason && list.refused[0])
			explain_refused();
	}
	*ret_reason = reason;
	return 0;
}

struct stage {
	cpu_fn fn;
	void *arg;
	int rc;
};

static void run_stage(void *arg)
{
	struct stage *stage = arg;

	deadman_stage();
	stage->rc = machine_probe(stage->fn, stage->arg, NULL);
}

int machine_stage(cpu_fn fn, void *arg)
{
	struct stage stage = { .fn = fn, .arg = arg };
	int rc;

	if (mp_ladder_rung() != START_CONDUCTOR) {
		deadman_stage();
		fn(arg);
		return 0;
	}
	away_begin();
	rc = mp_ladder_stage(run_stage, &stage);
	away_end();
	return rc ? rc : stage.rc;
}

int machine_stop_cpus(void)
{
	int rc = mp_ladder_descend();

	if (!rc)
		away_give_back();
	return rc;
}
